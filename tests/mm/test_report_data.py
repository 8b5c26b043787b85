import json

import pytest
from mmengine.config import Config
from mmengine.runner import Runner

SCENES = 5


@pytest.fixture
def runner(tmp_path):
    cfg = Config.fromfile('configs/synthetic/plain.py')
    cfg.test_dataloader.dataset.count = SCENES
    cfg.test_dataloader.batch_size = 3
    cfg.default_hooks.report.count = 4
    cfg.update(work_dir=str(tmp_path), experiment_name=tmp_path.name, log_level='ERROR')
    return Runner.from_cfg(cfg)


def test_a_test_leaves_its_figures_and_the_first_photos(runner, tmp_path):
    metrics = runner.test()
    content = json.loads((tmp_path / 'report.json').read_text())
    assert content['metrics'] == pytest.approx({name: value for name, value in metrics.items() if 'time' not in name})
    assert content['classes'] == ['red', 'green', 'blue', 'yellow']
    assert max(content['curve']['mIoU']) == pytest.approx(metrics['seed_mIoU'])
    dataset = runner.test_loop.dataloader.dataset
    assert len(content['photos']) == 4 < SCENES
    for index, photo in enumerate(content['photos']):
        sample = dataset.get_data_info(index)
        assert photo['name'] == sample['img_path']
        names = [content['classes'][label] for label in sample['gt_label']]
        assert [pair['class'] for pair in photo['pairs']] == names
        assert all(0 <= pair['iou'] <= 1 and 0 < pair['score'] < 1 for pair in photo['pairs'])
    assert not list(tmp_path.glob('.*part'))


def test_without_maps_it_says_what_to_do(tmp_path, runner):
    runner._hooks = [hook for hook in runner.hooks if type(hook).__name__ != 'AttentionHook']
    runner.test_evaluator.metrics.clear()
    with pytest.raises(ValueError, match=r"add dict\(type='AttentionHook', ...\) to custom_hooks"):
        runner.test()
