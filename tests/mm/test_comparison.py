import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from gain_plugin.commands import main
from gain_plugin.mm.comparison import Picture, draw

SMALL = """
_base_ = '{root}/configs/synthetic/plain.py'
train_cfg = dict(max_iters=1)
train_dataloader = dict(batch_size=2, dataset=dict(count=2))
test_dataloader = dict(dataset=dict(count=4))
"""


def picture(size):
    return Picture(np.zeros((8, 8, 3), np.uint8), np.random.default_rng(0).random(size), np.ones(size, bool), 'a $b$')


def test_a_row_an_image_and_a_column_a_method(tmp_path):
    kept = {'plain': [picture((8, 8)), picture((16, 16))], 'gain': [picture((8, 8)), picture((16, 16))]}
    draw(kept, tmp_path / 'maps.png')
    with Image.open(tmp_path / 'maps.png') as drawn:
        assert drawn.size == (4 * 200, 2 * 200)


@pytest.fixture
def call(tmp_path, pytestconfig):
    """Compare two configs that are alike, and the paths of both."""
    for name in ('one', 'two'):
        (tmp_path / f'{name}.py').write_text(SMALL.format(root=pytestconfig.rootpath))
    paths = [str(tmp_path / f'{name}.py') for name in ('one', 'two')]
    return lambda *more: CliRunner().invoke(main, ['compare', *paths, '--work-dir', str(tmp_path / 'work'), *more])


def test_the_verb_trains_tests_and_draws(tmp_path, call):
    result = call('--pictures', '2')
    assert result.exit_code == 0
    results = json.loads((tmp_path / 'work/results.json').read_text())
    one, two = ({**row, 'minutes': 0} for row in results.values())
    assert one == two and 0 < one['seed_miou'] < 100
    with Image.open(tmp_path / 'work/attention.png') as drawn:
        assert drawn.size == (4 * 200, 2 * 200)
    assert f'{one["seed_miou"]:.1f}' in result.stdout
    assert len(result.output.splitlines()) < 30 and 'WARNING' not in result.output
    assert '100 % two test' in result.stderr
    result = call('--cfg-options', 'optim_wrapper.optimizer.lr=1.0', 'train_cfg.max_iters=1')
    assert (result.exit_code, 'made with other settings' in result.stderr) == (1, True)


def test_configs_of_one_name_are_refused(tmp_path):
    paths = ['configs/synthetic/plain.py', 'configs/synthetic_vit/plain.py']
    result = CliRunner().invoke(main, ['compare', *paths, '--work-dir', str(tmp_path)])
    assert 'the names of the configs must differ' in result.stderr
    result = CliRunner().invoke(main, ['compare', *paths, '--work-dir', str(tmp_path), '--pictures', '-1'])
    assert (result.exit_code, "Invalid value for '--pictures'" in result.stderr) == (2, True)
    assert not list(tmp_path.iterdir())
