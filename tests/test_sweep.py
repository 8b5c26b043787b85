import importlib
from pathlib import Path

import pytest

# the smallest model of a module of timm, target layer, score layer
MODELS = [
    ('convit_tiny', 'blocks.11.norm1', 'head'),
    ('cspnext_tiny', 'stages', 'head.fc'),
    ('dla46x_c', 'level5', 'flatten'),
    ('edgenext_xx_small', 'stages', 'head.fc'),
    ('efficientformerv2_s0', 'norm', ''),
    ('efficientvit_b0', 'head.in_conv', 'head.classifier.4'),
    ('fasternet_t0', 'stages', 'classifier'),
    ('gcvit_xxtiny', 'stages', 'head.fc'),
    ('hardcorenas_b', 'blocks', 'classifier'),
    ('hgnetv2_b0', 'stages', 'head.fc'),
]


@pytest.fixture
def sweep(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / 'tools')
    return importlib.import_module('sweep')


@pytest.mark.parametrize(('name', 'target', 'score'), MODELS, ids=[name for name, *_ in MODELS])
def test_attaches_to_models_of_timm(sweep, name, target, score):
    found, scores, *_, result = sweep.attach(name)
    assert (found, scores, result) == (f'`{target}`', f'`{score}`', 'ok')


@pytest.mark.filterwarnings('ignore')  # mmcv without its compiled operators, and others like it
@pytest.mark.parametrize(('folder', 'grid'), [('fastscnn', '8 x 8'), ('segnext', '8 x 8')])
def test_attaches_to_models_of_mmseg(sweep, folder, grid):
    models = importlib.import_module('mmseg_models').smallest_segmentors([folder])
    for model in models.values():
        target, score, _, found, _ = sweep.attach_segmentor(model)
        assert (target, score, found) == ('`decode_head.conv_seg:input`', '`decode_head.conv_seg`', grid)


def test_says_what_does_not_hold(sweep, monkeypatch):
    assert sweep.try_one(sweep.attach, 'resnet1')[:5] == ('', '', '', '', 'RuntimeError: Unknown model (resnet1)')
    monkeypatch.setattr(sweep, 'to_grid', lambda features, size: features.flip(2))
    assert 'corners 0 to 3 depend on (2, 3, 0, 1)' in sweep.try_one(sweep.attach, 'test_resnet')[4]


def test_replaces_a_section_and_leaves_the_other(sweep, monkeypatch, tmp_path):
    monkeypatch.setattr(sweep, 'REPORT', tmp_path / 'page.md')
    row = ('resnet', 'test_resnet', '`layer4`', '`fc`', '(1, 96, 5, 5)', '5 x 5', 'ok', '6')
    title = ('module', 'model')
    sweep.write_section('mmseg', title, [row], keep=False)
    sweep.write_section('timm', title, [('old', *row[1:])], keep=False)
    sweep.write_section('timm', title, [('vgg', *row[1:]), row], keep=False)
    sweep.write_section('timm', title, [('resnet', 'test_resnet2', '', '', '', '', 'maps are flat', '6')], keep=True)
    page = sweep.REPORT.read_text()
    assert page.index('## timm\n') < page.index('1 of 2 work') < page.index('## mmseg\n') < page.index('1 of 1 work')
    assert 'old' not in page and '| vgg | test_resnet | `layer4` | `fc` |' in page
    assert '| resnet | test_resnet2 |  |  |  |  | maps are flat | 6 |\n| vgg |' in page
    sweep.REPORT.write_text(page.replace('timm ', 'timm 0.'))
    with pytest.raises(ValueError, match='are not of .*: run without names'):
        sweep.write_section('timm', title, [row], keep=True)
