import importlib
from pathlib import Path

import pytest

# the smallest model of a module of timm, target layer, score layer
MODELS = [
    ('cspnext_tiny', 'stages', 'head.fc'),
]


@pytest.fixture
def sweep(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / 'tools')
    return importlib.import_module('sweep')


@pytest.mark.parametrize(('name', 'target', 'score'), MODELS, ids=[name for name, *_ in MODELS])
def test_attaches_to_models_of_timm(sweep, name, target, score):
    assert sweep.attach(name)[:2] == (f'`{target}`', f'`{score}`')


@pytest.mark.filterwarnings('ignore')  # mmcv without its compiled operators, and others like it
@pytest.mark.parametrize(('folder', 'grid'), [('fastscnn', '16 x 16'), ('segnext', '16 x 16')])
def test_attaches_to_models_of_mmseg(sweep, folder, grid):
    models = importlib.import_module('mmseg_models').smallest_segmentors([folder])
    for model in models.values():
        target, score, _, found = sweep.attach_segmentor(model)
        assert (target, score, found) == ('`decode_head.conv_seg:input`', '`decode_head.conv_seg`', grid)


def test_says_what_does_not_hold(sweep, monkeypatch):
    assert sweep.try_one(sweep.attach, 'resnet1')[:5] == ('', '', '', '', 'RuntimeError: Unknown model (resnet1)')
    monkeypatch.setattr(sweep, 'to_grid', lambda features, size: features.flip(2))
    assert sweep.try_one(sweep.attach, 'test_resnet')[4].startswith('maps are not upright: a change top left is felt')


def test_replaces_a_section_and_leaves_the_other(sweep, monkeypatch, tmp_path):
    monkeypatch.setattr(sweep, 'REPORT', tmp_path / 'page.md')
    row = ('resnet', 'test_resnet', '`layer4`', '`fc`', '(1, 96, 5, 5)', '5 x 5', 'ok', '6')
    for module in ('old', 'new'):
        sweep.write_section('timm', 'sweep', ('module', 'model'), [(module, *row[1:])])
    sweep.write_section('mmseg', 'sweep --mmseg', ('folder', 'config'), [row, (*row[:-2], 'maps are flat', '6')])
    page = sweep.REPORT.read_text()
    assert page.index('## timm\n') < page.index('1 of 1') < page.index('## mmseg\n') < page.index('1 of 2')
    assert '| new | test_resnet | `layer4` |' in page and 'old' not in page
