import os
from pathlib import Path

import numpy as np
import pytest
from layouts import make_coco, make_voc
from mmengine.config import Config
from mmengine.runner import Runner
from PIL import Image

VOC_ANIMALS = Path(os.environ.get('VOC_ANIMALS', '../shared/voc_animals'))
ALL = sorted(Path('configs').glob('[!_]*/*.py'))
SEGMENTERS = [path for path in ALL if path.parent.name.endswith('_segmenters')]
CONFIGS = [path for path in ALL if path not in SEGMENTERS]
FULL = ('voc12', 'coco14', 'coco17')
RESIZE = {'type': 'Resize', 'scale': (64, 64), 'keep_ratio': False}


@pytest.fixture(scope='module')
def full(tmp_path_factory):
    """VOC 2012 and COCO, but few and small photos."""
    pytest.importorskip('pycocotools')
    root = tmp_path_factory.mktemp('full')
    make_voc(root)
    make_coco(root / 'coco14', 2014)
    make_coco(root / 'coco17', 2017)
    return root


@pytest.fixture
def load(request, monkeypatch):
    """Read a config whose photos are here."""

    def read(path):
        folder = path.parent.name
        if folder.startswith('voc_animals') and not VOC_ANIMALS.is_dir():
            pytest.skip(f'the photos are not in {VOC_ANIMALS}: set VOC_ANIMALS to their folder')
        if folder.startswith(FULL):
            root = request.getfixturevalue('full')
            monkeypatch.setenv('VOC12', str(root))
            monkeypatch.setenv('COCO', str(root / folder))
        return Config.fromfile(path)

    return read


def shrink(cfg):
    """Make a config for a full data set small: small images and random weights."""
    cfg.model.network.pretrained = False
    if cfg.model.network.model_name.startswith('vgg'):
        cfg.model.network.mlp_ratio = 1 / 64  # 120 of its 138 million weights
    cfg.default_hooks.checkpoint.save_last = False
    cfg.default_hooks.attention.scales = (1.0,)
    cfg.train_dataloader.update(batch_size=2, num_workers=0, persistent_workers=False)
    train, val = cfg.train_dataloader.dataset, cfg.val_dataloader
    for data in train.get('datasets', [train]):
        data = data.get('dataset', data)
        data.pipeline = [RESIZE, data.pipeline[-1]]
        if 'indices' in data:
            data.indices = 2
    val.num_workers = 0
    val.dataset.pipeline[0].transforms = [RESIZE]


@pytest.mark.parametrize('path', CONFIGS, ids=str)
def test_trains_and_tests_on_a_slice(path, tmp_path, load):
    cfg = load(path)
    cfg.work_dir = str(tmp_path)
    cfg.train_cfg.max_iters = 2
    cfg.train_dataloader.batch_size = 4
    for hook in cfg.get('custom_hooks', ()):
        hook.update(warmup=1, ramp=0)
    if path.parent.name in FULL:
        shrink(cfg)
    elif path.parent.name.startswith('voc_animals'):
        cfg.val_dataloader.dataset.indices = 4
    else:
        cfg.val_dataloader.dataset.count = 8
    cfg.test_dataloader = cfg.val_dataloader
    cfg.update(val_dataloader=None, val_cfg=None, val_evaluator=None)  # it is the same as the test
    runner = Runner.from_cfg(cfg)
    runner.train()
    if path.parent.name in FULL:
        logged = runner.message_hub.log_scalars
        assert ('train/loss_am' in logged, 'train/loss_ext' in logged) == ('gain' in path.stem, 'ext' in path.stem)
    metrics = runner.test()
    assert 0 < metrics['seed_mIoU'] < 100
    assert 0 < metrics['mAP'] <= 100


@pytest.mark.parametrize('path', SEGMENTERS, ids=str)
def test_segmenter_trains_and_tests_on_a_slice(path, tmp_path, load, monkeypatch):
    """Small images, random weights and stripes in place of pseudo labels."""
    if path.stem == 'sec':
        pytest.importorskip('pydensecrf')
    monkeypatch.setenv('LABELS', str(tmp_path))
    cfg = load(path)
    cfg.work_dir = str(tmp_path / 'log')
    cfg.default_hooks.checkpoint.save_last = False
    cfg.model.backbone.pop('init_cfg', None)
    small = {'type': 'Resize', 'scale': (65, 65), 'keep_ratio': False}
    train, test = cfg.train_dataloader, cfg.test_dataloader
    train.update(batch_size=2, num_workers=0, persistent_workers=False)
    train.dataset.update(indices=4, pipeline=[small, train.dataset.pipeline[-1]])
    test.dataset.update(indices=2)
    for name in Path(train.dataset.data_root, train.dataset.ann_file).read_text().split()[:4]:
        with Image.open(Path(train.dataset.data_root, 'JPEGImages', f'{name}.jpg')) as image:
            width, height = image.size
        Image.fromarray(np.indices((height, width))[1].astype(np.uint8) % 7).save(tmp_path / f'{name}.png')
    cfg.train_cfg.max_iters = 2
    cfg.update(val_dataloader=None, val_cfg=None, val_evaluator=None)
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert 0 <= runner.test()['mIoU'] < 100
