import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

import mmseg
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.registry import HOOKS, OPTIM_WRAPPERS
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement, PixelData
from PIL import Image
from torch import nn

from gain_plugin import GAIN
from gain_plugin.mm import GAINHook
from gain_plugin.mm.samples import multi_hot
from gain_plugin.mm.segmentors import ignored_values, segmentor_options

DOCS = Path('docs/mmseg.md').read_text()
MIM = Path(mmseg.__file__).parent / '.mim'
CONFIGS = {
    'fcn': 'fcn/fcn_r50-d8_4xb4-20k_voc12aug-512x512.py',
    'deeplabv3plus': 'deeplabv3plus/deeplabv3plus_r50-d8_4xb4-20k_voc12aug-512x512.py',
    'segformer': 'segformer/segformer_mit-b0_8xb2-160k_ade20k-512x512.py',
    'upernet-swin': 'swin/swin-tiny-patch4-window7-in1k-pre_upernet_8xb2-160k_ade20k-512x512.py',
    'ocrnet': 'ocrnet/ocrnet_hr18s_4xb4-20k_voc12aug-512x512.py',
}
R18 = {'depth': 18}
SMALL = {  # the same networks with fewer layers
    'fcn': {
        'backbone': R18,
        'decode_head': {'in_channels': 512, 'channels': 32},
        'auxiliary_head': {'in_channels': 256, 'channels': 16},
    },
    'deeplabv3plus': {
        'backbone': R18,
        'decode_head': {'in_channels': 512, 'channels': 32, 'c1_in_channels': 64},
        'auxiliary_head': {'in_channels': 256, 'channels': 16},
    },
    'segformer': {},
    'upernet-swin': {
        'backbone': {'embed_dims': 24, 'depths': [1, 1, 1, 1]},
        'decode_head': {'in_channels': [24, 48, 96, 192], 'channels': 32},
        'auxiliary_head': {'in_channels': 96, 'channels': 16},
    },
    'ocrnet': {},
}
WITH_GAIN = """
custom_imports = dict(imports=['gain_plugin.mm'])
custom_hooks = [dict(type='GAINHook', warmup=0)]
"""


@pytest.fixture(scope='module')
def voc(tmp_path_factory):
    """Two photos in VOC layout: one with class 3 and unknown pixels, one with background alone."""
    folder = tmp_path_factory.mktemp('voc')
    random = np.random.default_rng(0)
    for name in ('JPEGImages', 'SegmentationClass', 'SegmentationClassAug', 'ImageSets/Segmentation'):
        (folder / name).mkdir(parents=True)
    for name, rows in (('a', ((0, 20, 3), (20, 30, 255))), ('b', ())):
        image, mask = random.integers(0, 256, (64, 64, 3), np.uint8), np.zeros((64, 64), np.uint8)
        for first, last, value in rows:
            mask[first:last] = value
        Image.fromarray(image).save(folder / f'JPEGImages/{name}.jpg')
        for kind in ('SegmentationClass', 'SegmentationClassAug'):
            Image.fromarray(mask).save(folder / kind / f'{name}.png')
    for name in ('train', 'aug', 'val'):
        (folder / f'ImageSets/Segmentation/{name}.txt').write_text('a\nb\n')
    return folder


def small(name, voc):
    """What makes a config of mmseg small and lets it read our photos, as text to be added to it."""
    model = {'data_preprocessor': {'size': (64, 64)}, 'pretrained': None, **SMALL[name]}
    if name in ('segformer', 'upernet-swin'):
        model['backbone'] = {**model.get('backbone', {}), 'init_cfg': None}
    dataset = {
        'type': 'PascalVOCDataset',
        'data_root': str(voc),
        'ann_file': 'ImageSets/Segmentation/train.txt',
        'data_prefix': {'img_path': 'JPEGImages', 'seg_map_path': 'SegmentationClass'},
        'pipeline': [{'type': 'LoadImageFromFile'}, {'type': 'LoadAnnotations'}, {'type': 'PackSegInputs'}],
    }
    loader = {'_delete_': True, 'num_workers': 0, 'dataset': dataset}
    return f"""
model = {model}
train_dataloader = { ({**loader, 'batch_size': 2, 'sampler': {'type': 'InfiniteSampler'}}) }
val_dataloader = { ({**loader, 'batch_size': 1, 'sampler': {'type': 'DefaultSampler', 'shuffle': False}}) }
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
train_cfg = dict(max_iters=2, val_interval=2)
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(interval=1))
randomness = dict(seed=0)
env_cfg = dict(dist_cfg=dict(backend='gloo'))
"""


def runner_of(name, voc, folder, extra='', **settings):
    path = folder / 'config.py'
    path.write_text(f'_base_ = {str(MIM / "configs" / CONFIGS[name])!r}\n{small(name, voc)}\n{extra}')
    cfg = Config.fromfile(path)
    cfg.merge_from_dict({'log_level': 'ERROR', **settings})
    cfg.update(val_cfg=None, val_dataloader=None, val_evaluator=None)
    cfg.work_dir = str(folder / 'work')
    cfg.experiment_name = f'{folder.name}-{len(list(folder.iterdir()))}'
    return Runner.from_cfg(cfg)


def bash(command, folder, package):
    """Run ``command`` in ``folder`` with the built package and this Python; its output."""
    path = f'{Path(sys.executable).parent}:{os.environ["PATH"]}'
    env = {**os.environ, 'PATH': path, 'PYTHONPATH': str(package)}
    done = subprocess.run(['bash', '-ec', command], cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout + done.stderr


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    """What a wheel would install."""
    folder = tmp_path_factory.mktemp('wheel')
    command = [sys.executable, 'setup.py', '-q', 'build', '--build-base', folder / 'build', '--build-lib', folder]
    subprocess.run(command, check=True)
    return folder


def test_the_commands_of_the_docs_work_in_an_empty_folder(voc, wheel, tmp_path):
    config, _, _ = re.findall(r'```python\n(.*?)```', DOCS, re.S)
    (commands,) = re.findall(r'```bash\n(.*?)```', DOCS, re.S)
    (tmp_path / 'guided.py').write_text(config + small('fcn', voc))
    output = bash(commands, tmp_path, wheel)
    assert 'Iter(train) [2/2]' in output and 'loss_am' in output and 'decode.loss_ce' in output
    assert 'resumed epoch: 0, iter: 2' in output
    assert output.count('mIoU:') >= 2  # of training and of testing
    saved = torch.load(tmp_path / 'work_dirs/guided/iter_2.pth', weights_only=False)
    assert list(saved['state_dict']) == list(runner_of('fcn', voc, tmp_path).model.state_dict())


def test_the_wheel_has_the_configs_and_they_parse(wheel, tmp_path, monkeypatch):
    package = wheel / 'gain_plugin'
    assert sorted(path.name for path in (package / '.mim/configs/_base_').glob('*.py')) == sorted(
        path.name for path in Path('configs/_base_').glob('*.py')
    )
    assert (package / '.mim/tools/train.py').is_file()
    assert (
        Config.fromfile(package / '.mim/configs/synthetic_mmseg/gain_fcn_r18.py').default_hooks.gain.type == 'GAINHook'
    )
    _, python_style, _ = re.findall(r'```python\n(.*?)```', DOCS, re.S)
    for name in ('gain', 'gain_paper'):
        assert (package / f'configs/{name}.py').is_file()
        (tmp_path / f'{name}_guided.py').write_text(python_style.replace('configs.gain', f'configs.{name}'))
        hooks = Config.fromfile(tmp_path / f'{name}_guided.py').custom_hooks
        assert isinstance(HOOKS.build(hooks[0]), GAINHook)


@pytest.mark.parametrize('name', CONFIGS)
def test_guides_segmentors(name, voc, tmp_path):
    """The batch has one image with a tag, so the erased batch is a single image."""
    runner = runner_of(name, voc, tmp_path, WITH_GAIN)
    keys = list(runner.model.state_dict())
    log = []
    step = runner.model.train_step
    runner.model.train_step = lambda *args, **kwargs: log.append(step(*args, **kwargs)) or log[-1]
    runner.train()
    assert len(log) == 2
    assert all(losses['loss_am'] > 0 and torch.isfinite(losses['loss']) for losses in log)
    assert not any('loss_ext' in losses for losses in log)
    assert list(runner.model.state_dict()) == keys
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in runner.model.modules())


def test_alpha_0_is_the_plain_run_to_the_bit(voc, tmp_path):
    weights = []
    for extra in ('', WITH_GAIN.replace("'GAINHook'", "'GAINHook', loss=dict(alpha=0)")):
        folder = tmp_path / str(len(weights))
        folder.mkdir()
        runner = runner_of('fcn', voc, folder, extra)
        runner.train()
        weights.append(runner.model.state_dict())
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())


def test_trains_in_slide_mode_and_under_autocast(voc, tmp_path):
    @OPTIM_WRAPPERS.register_module(force=True)
    class AutocastOptimWrapper(OptimWrapper):
        @contextlib.contextmanager
        def optim_context(self, model):
            with super().optim_context(model), torch.autocast('cpu', torch.bfloat16):
                yield

    slide = {'mode': 'slide', 'crop_size': (32, 32), 'stride': (16, 16)}
    settings = {'model.test_cfg': slide, 'optim_wrapper.type': 'AutocastOptimWrapper'}
    runner = runner_of('fcn', voc, tmp_path, WITH_GAIN, **settings)
    runner.train()
    assert all(value.isfinite().all() for value in runner.model.state_dict().values())
    assert runner.test()['mIoU'] >= 0


@pytest.mark.gpu  # mmengine's AmpOptimWrapper needs a GPU
def test_amp_under_mmsegs_own_train_py(voc, wheel, tmp_path):
    (tmp_path / 'guided.py').write_text(
        f'_base_ = {str(MIM / "configs" / CONFIGS["fcn"])!r}{small("fcn", voc)}{WITH_GAIN}'
    )
    assert 'loss_am' in bash(f'python {MIM}/tools/train.py guided.py --amp', tmp_path, wheel)


@pytest.mark.parametrize('name', ['fcn', 'segformer', 'ocrnet'])
def test_maps_are_the_logits_without_bias(name, voc, tmp_path):
    model = runner_of(name, voc, tmp_path).model.eval()
    options = segmentor_options(model)
    head = model.get_submodule(options['score_layer'])
    nn.init.normal_(head.bias)
    gain = GAIN(model, **options, score_kwargs={'mode': 'tensor'})
    images = torch.randn(2, 3, 64, 64)
    labels = torch.zeros(2, head.out_channels)
    labels[0, 3] = labels[1, 5] = 1
    logits = model(images) - head.bias[:, None, None]
    expected = torch.stack([logits[0, 3], logits[1, 5]]).relu()
    assert expected.amax((1, 2)).min() > 0
    torch.testing.assert_close(gain.attention(images, labels, normalize=False), expected, atol=1e-5, rtol=1e-4)


class Segmentor(nn.Module):
    """What the guidance looks at in a segmentor."""

    def __init__(self, *heads):
        super().__init__()
        self.decode_head = nn.ModuleList(heads) if len(heads) > 1 else heads[0]


class Head(nn.Module):
    ignore_index = 255

    def __init__(self, channels=5):
        super().__init__()
        self.conv_seg = nn.Conv2d(8, channels, 1)


class QueryHead(nn.Module):
    pass


class Classes:
    def __init__(self, *names):
        self.metainfo = {'classes': names}


def test_tags_are_the_samples_own_or_the_classes_in_its_mask():
    mask = PixelData(data=torch.tensor([[[0, 0, 2], [255, 4, 4]]]))
    masked = BaseDataElement(gt_sem_seg=mask)
    tagged = BaseDataElement(metainfo={'gt_label': [1, 3]}, gt_sem_seg=mask)
    segmentor = Segmentor(Head())

    def tags(*names):
        labels = multi_hot([masked, tagged], 5, ignored_values(segmentor, Classes(*names)))
        return [row.nonzero()[:, 0].tolist() for row in labels]

    assert tags('background', 'cat', 'dog', 'cow', 'tree') == [[2, 4], [1, 3]]
    assert tags('Background_waterbody', 'cat', 'dog', 'cow', 'tree') == [[2, 4], [1, 3]]
    assert tags('road', 'cat', 'dog', 'cow', 'tree') == [[0, 2, 4], [1, 3]]
    segmentor.decode_head.ignore_index = 4
    assert tags('road', 'cat', 'dog', 'cow', 'tree') == [[0, 2], [1, 3]]
    with pytest.raises(ValueError, match='not all below 4 classes'):
        multi_hot([masked], 4, {255})
    with pytest.raises(ValueError, match='no gt_label in the sample'):
        multi_hot([BaseDataElement()], 4, {255})


def test_a_cascade_is_looked_at_in_its_last_stage():
    options = segmentor_options(Segmentor(Head(), Head()))
    assert options['score_layer'] == 'decode_head.1.conv_seg'
    with pytest.raises(ValueError, match='QueryHead has no conv_seg'):
        segmentor_options(Segmentor(Head(), QueryHead()))


def test_what_cannot_be_guided_is_refused_before_training(voc, tmp_path):
    runner = runner_of('fcn', voc, tmp_path, WITH_GAIN)
    del runner.model.decode_head.conv_seg
    runner.model.decode_head.init_cfg = None
    with pytest.raises(ValueError, match='FCNHead has no conv_seg .*MaskFormer, Mask2Former.* use a per-pixel head'):
        runner.train()
    with pytest.raises(ValueError, match='a single logit: give it out_channels=2'):
        segmentor_options(Segmentor(Head(1)))
    extra = WITH_GAIN.replace("'GAINHook'", "'GAINHook', loss=dict(ext_weight=1.0)")
    with pytest.raises(ValueError, match='remove ext_weight= from loss'):
        runner_of('fcn', voc, tmp_path, extra).train()
