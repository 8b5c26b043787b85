import os
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.runner import Runner

VOC_ANIMALS = Path(os.environ.get('VOC_ANIMALS', '../shared/voc_animals'))
CONFIGS = sorted(Path('configs').glob('[!_]*/*.py'))


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
