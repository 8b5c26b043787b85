"""Random numbers that a resumed run draws again as the run that was not interrupted would have drawn them."""

import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

LOADING, TRAINING = 0, 1


@HOOKS.register_module()
class StepSeedHook(Hook):
    """Seed Python, NumPy and PyTorch in each step, so that a resumed run equals one in a piece to the bit.

    What a step draws, for augmentation in this process or in workers and for dropout, depends on the seed of the run,
    the rank and the number of the step alone. So there is no state to be kept in a checkpoint. The order of photos is
    the sampler's, which mmengine takes to where it was; ``InfiniteSampler`` does that without reading photos.

    What a resumed run cannot repeat is told when training begins: persistent workers of an ``EpochBasedTrainLoop``,
    which draw on from one epoch to the next, a sampler of a ``IterBasedTrainLoop`` that ends, and a stream. An epoch
    that was broken off begins again: save checkpoints by epoch there.
    """

    priority = 'VERY_LOW'

    def before_train_epoch(self, runner: Runner) -> None:
        """Have the workers that begin now, and this process, draw what the next step is to draw."""
        loader = runner.train_loop.dataloader
        reason = _not_repeated(runner.train_loop, loader)
        if reason:
            runner.logger.warning(f'a resumed run will draw other random numbers than one in a piece: {reason}')
        self._seed = partial(_seed_step, runner.seed, get_rank())
        loader.generator = loader.generator or torch.Generator().manual_seed(runner.seed)  # or it draws from ours
        if loader.num_workers:
            collate = getattr(loader.collate_fn, 'collate', loader.collate_fn)
            loader.collate_fn = _Seeded(collate, partial(self._seed, LOADING), runner.iter)
            loader.worker_init_fn = _Begin(partial(self._seed, LOADING), runner.iter)
        self._seed(LOADING, runner.iter)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """The pass begins, from which dropout draws."""
        self._seed(TRAINING, runner.iter)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """The next batch is loaded, by this process if there are no workers."""
        self._seed(LOADING, runner.iter + 1)

    def after_val(self, runner: Runner) -> None:
        """As if there had been no evaluation."""
        if hasattr(self, '_seed'):
            self._seed(LOADING, runner.iter)


class _Begin:
    """A worker begins: with its first batch."""

    def __init__(self, seed: Callable[[int], None], first: int) -> None:
        self.seed = seed
        self.first = first

    def __call__(self, worker: int) -> None:
        self.seed(self.first + worker)


class _Seeded:
    """Make a batch, then draw what the next one of this worker is to draw: the batches go round the workers."""

    def __init__(self, collate: Callable[[Sequence[Any]], Any], seed: Callable[[int], None], first: int) -> None:
        self.collate = collate
        self.seed = seed
        self.first = first
        self.made = 0

    def __call__(self, samples: Sequence[Any]) -> Any:
        batch, worker = self.collate(samples), get_worker_info()
        if worker is not None:
            self.made += 1
            self.seed(self.first + self.made * worker.num_workers + worker.id)
        return batch


def _seed_step(seed: int, rank: int, use: int, step: int) -> None:
    drawn = int(np.random.SeedSequence((abs(seed), rank, use, step)).generate_state(1)[0])
    random.seed(drawn)
    np.random.seed(drawn)
    torch.manual_seed(drawn)


def _not_repeated(loop: Any, loader: DataLoader) -> str | None:
    if isinstance(loader.dataset, IterableDataset):
        return 'its photos come as a stream'
    if isinstance(loop, EpochBasedTrainLoop):
        if loader.num_workers and loader.persistent_workers:
            return 'set persistent_workers=False in train_dataloader'
    elif getattr(loop, 'fast_forward_on_resume', False):  # mmengine's name for not going forward
        return 'remove fast_forward_on_resume from train_cfg'
    elif not hasattr(loader.sampler, 'skip'):
        return f"{type(loader.sampler).__name__} ends: take dict(type='InfiniteSampler', shuffle=True)"
    return None
