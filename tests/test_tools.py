import os
import sys

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

CONFIG = 'configs/synthetic/plain.py'
SMALL = ['test_dataloader.dataset.count=4', 'val_dataloader.dataset.count=4', 'train_dataloader.dataset.count=4']


class Code:
    """Leaves a file where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.fixture
def run(monkeypatch):
    """Call a tool with arguments."""

    def call(name, *arguments):
        monkeypatch.setattr(sys, 'argv', [name, *map(str, arguments)])
        namespace = {'__name__': name, '__doc__': ''}
        with open(f'tools/{name}.py') as file:
            exec(compile(file.read(), name, 'exec'), namespace)
        namespace['main']()

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
    with pytest.raises(ValueError, match='does not fit the model of the config'):
        run('test', CONFIG, tmp_path / 'other.pth', '--work-dir', tmp_path / 'test', '--cfg-options', *SMALL)


def test_a_checkpoint_of_other_classes_is_refused(run, weights, tmp_path):
    torch.save({'state_dict': weights, 'meta': {'dataset_meta': {'classes': ('a',)}}}, tmp_path / 'other.pth')
    with pytest.raises(ValueError, match='was trained for the classes'):
        run('test', CONFIG, tmp_path / 'other.pth', '--work-dir', tmp_path / 'test', '--cfg-options', *SMALL)


def test_code_in_a_checkpoint_is_run_only_where_it_is_trusted(run, weights, tmp_path):
    path, trace = tmp_path / 'code.pth', tmp_path / 'trace'
    torch.save({'state_dict': weights, 'extra': Code(str(trace))}, path)
    arguments = (CONFIG, path, '--work-dir', tmp_path / 'test', '--cfg-options', *SMALL)
    with pytest.raises(ValueError, match='holds more than weights'):
        run('test', *arguments)
    assert not trace.exists()
    run('test', *arguments, '--trust-checkpoint')
    assert trace.exists()


def test_a_cut_checkpoint_is_called_so(run, weights, tmp_path):
    torch.save({'state_dict': weights}, tmp_path / 'cut.pth')
    (tmp_path / 'cut.pth').write_bytes((tmp_path / 'cut.pth').read_bytes()[:500])
    with pytest.raises(ValueError, match=r'cut\.pth is empty or cut off'):
        run('test', CONFIG, tmp_path / 'cut.pth', '--work-dir', tmp_path / 'test', '--cfg-options', *SMALL)


def test_configs_of_one_name_are_refused(run, tmp_path):
    with pytest.raises(SystemExit, match='the names of the configs must differ'):
        run('compare', CONFIG, 'configs/synthetic_vit/plain.py', '--work-dir', tmp_path)
    assert not list(tmp_path.iterdir())
