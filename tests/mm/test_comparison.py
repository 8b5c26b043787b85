import json
import sys

import numpy as np
import pytest
from PIL import Image

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


def test_the_tool_trains_tests_and_draws(tmp_path, monkeypatch, pytestconfig, capsys):
    root = pytestconfig.rootpath
    for name in ('one', 'two'):
        (tmp_path / f'{name}.py').write_text(SMALL.format(root=root))
    monkeypatch.syspath_prepend(root / 'tools')
    from compare import main

    paths = [str(tmp_path / f'{name}.py') for name in ('one', 'two')]
    monkeypatch.setattr(sys, 'argv', ['compare.py', *paths, '--work-dir', str(tmp_path / 'work'), '--pictures', '2'])
    main()
    results = json.loads((tmp_path / 'work/results.json').read_text())
    one, two = ({**row, 'minutes': 0} for row in results.values())
    assert one == two and 0 < one['seed_miou'] < 100
    with Image.open(tmp_path / 'work/attention.png') as drawn:
        assert drawn.size == (4 * 200, 2 * 200)
    assert f'{one["seed_miou"]:.1f}' in capsys.readouterr().out
    monkeypatch.setattr(
        sys,
        'argv',
        [
            'compare.py',
            paths[0],
            '--work-dir',
            str(tmp_path / 'work'),
            '--cfg-options',
            'optim_wrapper.optimizer.lr=1.0',
        ],
    )
    with pytest.raises(ValueError, match='made with other settings'):
        main()
