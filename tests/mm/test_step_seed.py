import random

import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler, InfiniteSampler, pseudo_collate
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from torch.utils.data import DataLoader, Dataset

from gain_plugin.mm import GAINHook, MultiLabelClassifier, StepSeedHook


class Noisy(Dataset):
    """Augmentation by all three generators."""

    def __len__(self):
        return 12

    def __getitem__(self, index):
        image = torch.full((3, 12, 12), float(index)) + torch.randn(3, 12, 12) * random.random() + np.random.rand()
        return {'inputs': image, 'data_samples': BaseDataElement(metainfo={'gt_label': [index % 3]})}


class Host(MultiLabelClassifier):
    def __init__(self, network):
        BaseModel.__init__(self, {'type': 'ImgDataPreprocessor'})
        self.network = network
        self.criterion = torch.nn.MultiLabelSoftMarginLoss()
        self.mix = None


class End(Hook):
    priority = 'LOWEST'

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter == 4:
            raise KeyboardInterrupt


def build(tiny, folder, loop, workers, hooks=(), **settings):
    torch.manual_seed(0)
    data = Noisy()
    sampler = InfiniteSampler(data, seed=0) if loop == 'IterBasedTrainLoop' else DefaultSampler(data, seed=0)
    length = {'max_iters': 8} if loop == 'IterBasedTrainLoop' else {'max_epochs': 3}
    by_epoch = loop != 'IterBasedTrainLoop'
    checkpoint = {'type': 'WholeCheckpointHook', 'interval': 1 if by_epoch else 3, 'by_epoch': by_epoch}
    gain = {'target_layer': 'network.features', 'score_layer': 'network', 'scorer': 'detached'}
    return Runner(
        Host(tiny(dropout=0.5)),
        str(folder),
        train_dataloader=DataLoader(data, 4, sampler=sampler, num_workers=workers, collate_fn=pseudo_collate),
        train_cfg={'type': loop, **length},
        optim_wrapper={'type': 'OptimWrapper', 'optimizer': {'type': 'SGD', 'lr': 0.1}},
        default_hooks={'checkpoint': checkpoint},
        custom_hooks=[GAINHook(gain=gain), StepSeedHook(), *hooks],
        randomness={'seed': 0},
        log_level='ERROR',
        experiment_name=f'{folder.name}{loop}{workers}{len(hooks)}{bool(settings)}',
        **settings,
    )


@pytest.mark.parametrize('workers', [0, 2])
@pytest.mark.parametrize('loop', ['IterBasedTrainLoop', 'EpochBasedTrainLoop'])
def test_a_resumed_run_draws_what_one_in_a_piece_draws(tiny, tmp_path, loop, workers):
    straight = build(tiny, tmp_path / 'straight', loop, workers)
    straight.train()
    with pytest.raises(KeyboardInterrupt):
        build(tiny, tmp_path / 'halted', loop, workers, [End()]).train()
    torch.randn(7), np.random.rand(), random.random()
    resumed = build(tiny, tmp_path / 'halted', loop, workers, resume=True)
    resumed.train()
    for (name, got), want in zip(resumed.model.state_dict().items(), straight.model.state_dict().values(), strict=True):
        assert torch.equal(got, want), name


def test_steps_differ_and_workers_agree_with_none(tiny, tmp_path):
    """What workers load is what no worker loads, and no two batches are alike."""
    loaded = {}
    for workers in (0, 2):

        class Keep(Hook):
            kept = loaded.setdefault(workers, [])

            def before_train_iter(self, runner, batch_idx, data_batch=None):
                self.kept.append(torch.stack(data_batch['inputs']))

        build(tiny, tmp_path / str(workers), 'IterBasedTrainLoop', workers, [Keep()]).train()
    for one, other in zip(loaded[0], loaded[2], strict=True):
        assert torch.equal(one, other)
    assert len({batch.sum().item() for batch in loaded[0]}) == 8


def test_what_cannot_be_repeated_is_told(tiny, tmp_path):
    built = build(tiny, tmp_path, 'EpochBasedTrainLoop', 2)
    hook, said = StepSeedHook(), []
    built.logger.warning = said.append
    object.__setattr__(built.train_loop.dataloader, 'persistent_workers', True)
    hook.before_train_epoch(built)
    assert 'will draw other random numbers than one in a piece: set persistent_workers=False' in said[-1]
    built = build(tiny, tmp_path / 'b', 'IterBasedTrainLoop', 0)
    built.train_loop.dataloader.__dict__['sampler'] = DefaultSampler(Noisy(), seed=0)
    built.logger.warning = said.append
    hook.before_train_epoch(built)
    assert 'DefaultSampler ends: take dict' in said[-1]
