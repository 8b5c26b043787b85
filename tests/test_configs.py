import os
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.runner import Runner
from PIL import Image

VOC_ANIMALS = Path(os.environ.get('VOC_ANIMALS', '../shared/voc_animals'))
CONFIGS = [path for path in sorted(Path('configs').glob('[!_]*/*.py')) if path.parent.name != 'voc_animals_segmenters']
SEGMENTERS = sorted(Path('configs/voc_animals_segmenters').glob('*.py'))


@pytest.mark.parametrize('path', CONFIGS, ids=str)
def test_trains_and_tests_on_a_slice(path, tmp_path):
    if path.parent.name.startswith('voc_animals') and not VOC_ANIMALS.is_dir():
        pytest.skip(f'the photos are not in {VOC_ANIMALS}: set VOC_ANIMALS to their folder')
    cfg = Config.fromfile(path)
    cfg.work_dir = str(tmp_path)
    cfg.train_cfg.max_iters = 2
    cfg.train_dataloader.batch_size = 4
    for hook in cfg.get('custom_hooks', ()):
        hook.update(warmup=1, ramp=0)
    if path.parent.name.startswith('voc_animals'):
        cfg.val_dataloader.dataset.indices = 4
    else:
        cfg.val_dataloader.dataset.count = 8
    cfg.test_dataloader = cfg.val_dataloader
    cfg.update(val_dataloader=None, val_cfg=None, val_evaluator=None)  # it is the same as the test
    runner = Runner.from_cfg(cfg)
    runner.train()
    metrics = runner.test()
    assert 0 < metrics['seed_mIoU'] < 100
    assert 0 < metrics['mAP'] <= 100


@pytest.mark.parametrize('path', SEGMENTERS, ids=str)
def test_segmenter_trains_and_tests_on_a_slice(path, tmp_path, monkeypatch):
    """Small images, random weights and stripes in place of pseudo labels."""
    if not VOC_ANIMALS.is_dir():
        pytest.skip(f'the photos are not in {VOC_ANIMALS}: set VOC_ANIMALS to their folder')
    if path.stem == 'sec':
        pytest.importorskip('pydensecrf')
    monkeypatch.setenv('LABELS', str(tmp_path))
    cfg = Config.fromfile(path)
    cfg.work_dir = str(tmp_path / 'log')
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
