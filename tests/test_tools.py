import os

import pytest
import torch
from click.testing import CliRunner
from mmengine.config import Config
from mmengine.runner import Runner

from gain_plugin.commands import main

CONFIG = 'configs/synthetic/plain.py'
SMALL = ['--cfg-options', *(f'{part}_dataloader.dataset.count=4' for part in ('train', 'val', 'test'))]


class Code:
    """Leaves a file where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.fixture
def run():
    """Call a verb with arguments, and expect an error or none."""

    def call(name, *arguments, error=None):
        result = CliRunner().invoke(main, [name, *map(str, arguments)])
        assert result.exit_code == (0 if error is None else 1), result.output
        assert (error or '') in result.stderr

    return call


@pytest.fixture
def weights(tmp_path):
    """State of the config's model."""
    cfg = Config.fromfile(CONFIG)
    cfg.work_dir = str(tmp_path / 'log')
    return Runner.from_cfg(cfg).model.state_dict()


def test_a_checkpoint_of_another_model_is_no_random_score(run, weights, tmp_path):
    weights.pop(next(iter(weights)))
    torch.save({'state_dict': weights}, tmp_path / 'other.pth')
    run(
        'test',
        CONFIG,
        tmp_path / 'other.pth',
        '--work-dir',
        tmp_path,
        *SMALL,
        error='does not fit the model of the config',
    )


def test_a_checkpoint_of_other_classes_is_refused(run, weights, tmp_path):
    torch.save({'state_dict': weights, 'meta': {'dataset_meta': {'classes': ('a',)}}}, tmp_path / 'other.pth')
    run('test', CONFIG, tmp_path / 'other.pth', '--work-dir', tmp_path, *SMALL, error='was trained for the classes')


def test_code_in_a_checkpoint_is_run_only_where_it_is_trusted(run, weights, tmp_path):
    path, trace = tmp_path / 'code.pth', tmp_path / 'trace'
    torch.save({'state_dict': weights, 'extra': Code(str(trace))}, path)
    arguments = (CONFIG, path, '--work-dir', tmp_path, *SMALL)
    run('test', *arguments, error='holds more than weights')
    assert not trace.exists()
    run('test', *arguments, '--trust-checkpoint')
    assert trace.exists()


def test_a_cut_checkpoint_is_called_so(run, weights, tmp_path):
    torch.save({'state_dict': weights}, tmp_path / 'cut.pth')
    (tmp_path / 'cut.pth').write_bytes((tmp_path / 'cut.pth').read_bytes()[:500])
    run('test', CONFIG, tmp_path / 'cut.pth', '--work-dir', tmp_path, *SMALL, error='cut.pth is cut off or damaged')


@pytest.mark.parametrize('way', ['--resume', 'load_from'])
def test_training_runs_no_code_of_a_checkpoint_either(run, weights, tmp_path, way):
    trace, work = tmp_path / 'trace', tmp_path / 'work'
    work.mkdir()
    torch.save({'state_dict': weights, 'extra': Code(str(trace))}, work / 'iter_1.pth')
    begin = ['--resume'] if way == '--resume' else ['--cfg-options', f'load_from={work / "iter_1.pth"}']
    run('train', CONFIG, '--work-dir', work, *begin, error='holds more than weights')
    assert not trace.exists()


def test_a_work_directory_of_broken_checkpoints_begins_anew(run, tmp_path):
    (tmp_path / 'iter_1.pth').write_bytes(b'PK')
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'iter_1.pth'))
    short = [*SMALL, 'train_cfg.max_iters=1', 'train_cfg.val_interval=9', 'train_dataloader.batch_size=2']
    run('train', CONFIG, '--work-dir', tmp_path, '--resume', *short)
    assert not (tmp_path / '.iter_1.pth.part').exists()
    assert torch.load(tmp_path / 'iter_1.pth', weights_only=False)['meta']['iter'] == 1
