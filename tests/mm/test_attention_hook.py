import copy

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from gain_plugin import GAIN
from gain_plugin.affinity import Affinity
from gain_plugin.mm import AttentionHook


def test_maps_of_the_labels_at_the_size_of_the_image(tmp_path):
    """Through the runner, the hook gives what ``GAIN.attention`` gives, and leaves nothing behind."""
    cfg = Config.fromfile('configs/synthetic/plain.py')
    cfg.work_dir = str(tmp_path)
    cfg.val_dataloader.dataset.count = 6
    cfg.test_dataloader = copy.deepcopy(cfg.val_dataloader)
    runner = Runner.from_cfg(cfg)
    seen = []

    def keep(module, args, kwargs, output):
        if kwargs['mode'] == 'predict':
            seen.append((kwargs['inputs'], output))

    runner.test()  # builds the loader and the evaluator
    runner.model.register_forward_hook(keep, with_kwargs=True)
    metrics = runner.test()
    assert {'mAP', 'seed_mIoU', 'seed_threshold'} <= set(metrics)
    ((images, samples),) = seen
    labels = torch.zeros(6, 4)
    for row, sample in zip(labels, samples, strict=True):
        row[sample.gt_label] = 1
    model = GAIN(runner.model, target_layer='network.features', score_layer='network', score_kwargs={'mode': 'tensor'})
    maps = model.attention(images, labels)
    maps = torch.nn.functional.interpolate(maps[:, None], (64, 64), mode='bilinear')[:, 0]
    maps = maps / maps.amax((1, 2), keepdim=True)
    torch.testing.assert_close(torch.cat([sample.attention_maps for sample in samples]), maps, atol=5e-3, rtol=0)
    assert sum(bool(module._forward_hooks) for module in runner.model.modules()) == 1  # the test's own


def test_maps_are_spread_over_the_features_of_the_named_layers(tmp_path):
    cfg = Config.fromfile('configs/synthetic/plain.py')
    cfg.work_dir = str(tmp_path)
    cfg.val_dataloader.dataset.count = 2
    cfg.test_dataloader = cfg.val_dataloader
    options = {'layers': ['network.features.0', 'network.features'], 'power': 3}
    kept = []

    def keep(module, args, kwargs, output):
        if kwargs['mode'] == 'predict':
            kept.append((kwargs['inputs'], output))

    for name, affinity in {'read': None, 'spread': options}.items():
        cfg.default_hooks.attention.affinity = affinity
        cfg.experiment_name = name
        runner = Runner.from_cfg(cfg)
        runner.model.register_forward_hook(keep, with_kwargs=True)
        runner.test()
    (images, samples), (_, spread_samples) = kept
    labels = torch.zeros(2, 4)
    for row, sample in zip(labels, samples, strict=True):
        row[sample.gt_label] = 1
    maps, found = (torch.cat([own.attention_maps for own in result]) for result in (samples, spread_samples))
    torch.testing.assert_close(
        found, Affinity(**options).spread(runner.model, maps, images, labels, {'mode': 'tensor'})
    )
    assert not torch.allclose(found, maps, atol=0.05)


def test_another_number_of_classes_is_told_before_training(tmp_path):
    cfg = Config.fromfile('configs/synthetic/plain.py')
    cfg.work_dir = str(tmp_path)
    cfg.default_hooks.attention.num_classes = 5
    with pytest.raises(ValueError, match='num_classes=5 of AttentionHook must be the number of scores, 4'):
        Runner.from_cfg(cfg).train()


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'num_classes': '4'}, "num_classes must be a whole number of 1 or more, got '4'"),
        ({'scales': ()}, r'scales must be factors above 0, as \(1.0, 0.5\), got \(\)'),
        ({'scales': 1.0}, 'scales must be factors above 0, .* got 1.0'),
        ({'scales': (1.0, 0)}, 'scales must be factors above 0'),
        ({'scales': (float('nan'),)}, 'scales must be factors above 0'),
        ({'scales': '1'}, 'scales must be factors above 0'),
        ({'flip': 'no'}, "flip must be True or False, got 'no'"),
        ({'affinity': {'layers': 'fc'}}, "layers of the affinity must be a list of names, got 'fc'"),
        ({'affinity': {'layers': ['fcs']}}, "no layer 'fcs'; closest: 'fc'"),
        ({'affinity': {'layers': ['fc'], 'scale': 0}}, 'scale of the affinity must be above 0, got 0'),
        ({'affinity': {'layers': ['fc'], 'power': None}}, 'power of the affinity must be above 0, got None'),
        ({'weigh': 3}, 'weigh must be a function, got 3'),
    ],
)
def test_settings_out_of_range_are_named_before_training(tiny, settings, message):
    with pytest.raises(ValueError, match=message):
        AttentionHook(**{'num_classes': 3, 'target_layer': 'features', **settings}).attach(tiny())


def test_an_evaluation_that_an_error_ended_leaves_nothing(tmp_path, monkeypatch):
    cfg = Config.fromfile('configs/synthetic/plain.py')
    cfg.work_dir = str(tmp_path)
    cfg.test_dataloader.dataset.count = 2
    runner = Runner.from_cfg(cfg)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(type(runner.model), 'test_step', _interrupt)
        runner.test()
    runner.test()
    assert not runner.model._forward_hooks


def _interrupt(*args):
    raise KeyboardInterrupt


def positive_gradients(features, gradients):
    return gradients.relu()


def test_other_maps_than_the_guided_ones_are_told(tmp_path):
    """Functions are named in configs; the metrics must look at the maps that the guidance looks at."""
    cfg = Config.fromfile('configs/synthetic/gain.py')
    cfg.work_dir = str(tmp_path)
    cfg.test_dataloader.dataset.count = 2
    named = f'{__name__}.positive_gradients'
    cfg.default_hooks.gain.gain.weigh = named
    figures = {}
    for name, weigh in {'other': None, 'same': named}.items():
        cfg.default_hooks.attention.weigh = weigh
        cfg.experiment_name = name
        runner = Runner.from_cfg(cfg)
        figures[name] = runner.test()['seed_mIoU']
        told = 'AttentionHook reads other maps than GAINHook guides: give both the same weigh=' in runner_log(tmp_path)
        assert told == (name == 'other')
        for log in tmp_path.glob('*/*.log'):
            log.unlink()
    assert figures['other'] != figures['same']
    with pytest.raises(ValueError, match="weigh='nowhere.at_all' is no function that can be imported"):
        AttentionHook(4, weigh='nowhere.at_all')


def runner_log(folder):
    return ''.join(path.read_text() for path in folder.glob('*/*.log'))
