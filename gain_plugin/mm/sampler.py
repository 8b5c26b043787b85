"""Which photos an epoch draws, where few of them have masks."""

from collections.abc import Iterator, Sized
from typing import Any

import torch
from mmengine.dist import get_dist_info, sync_random_seed
from mmengine.registry import DATA_SAMPLERS
from torch.utils.data import Sampler


@DATA_SAMPLERS.register_module()
class MaskedSampler(Sampler):
    """Draw photos with a mask for a share of each epoch, the others for the rest, both in random order.

    An epoch has as many draws as there are photos. Few masks come up many times in it, so some of the other photos wait
    for a later one. Where all have masks, each photo is drawn once.

    Args:
        dataset: gives ``get_data_info(index)`` with ``seg_map_path``, which is None for a photo without a mask.
        share: of the draws, in 0..1.
        seed: the same on all ranks; drawn if None.
        endless: begin the next epoch by itself, for a loop of iterations, in which mmengine otherwise waits two seconds
            after each. An ``EpochBasedTrainLoop`` would not end its first epoch.

    Raises:
        ValueError: a share out of range, or no photo with a mask.

    """

    def __init__(self, dataset: Sized, share: float, seed: int | None = None, endless: bool = False) -> None:
        if not 0 < share < 1:
            raise ValueError(f'share must be within 0 and 1, got {share}')
        infos: Any = dataset
        has = [infos.get_data_info(index)['seg_map_path'] is not None for index in range(len(dataset))]
        masked = torch.tensor(has, dtype=torch.bool)
        self._kinds = [(~masked).nonzero()[:, 0], masked.nonzero()[:, 0]]
        if not masked.any():
            raise ValueError(f'none of {len(has)} photos has a mask: name those that have one by masks=')
        if masked.all():
            share = 1.0
        self._share = share
        self._endless = endless
        self._seed = sync_random_seed() if seed is None else seed
        self._rank, self._world = get_dist_info()
        self._epoch = self._skipped = 0
        if endless:
            self.skip = self._skip  # mmengine asks whether there is one

    def _skip(self, draws: int) -> None:
        """Begin behind so many of this rank's draws: called by mmengine where a loop of iterations resumes."""
        self._epoch, self._skipped = divmod(draws, len(self))

    def __iter__(self) -> Iterator[int]:
        """Indices of this rank's photos."""
        skipped, self._skipped = self._skipped, 0
        yield from self._draw()[skipped:]
        while self._endless:
            self._epoch += 1
            yield from self._draw()

    def _draw(self) -> list[int]:
        """One epoch."""
        generator = torch.Generator().manual_seed(self._seed + self._epoch)
        total = len(self) * self._world
        masked = torch.rand(total, generator=generator) < self._share
        drawn = torch.empty(total, dtype=torch.long)
        for kind, chosen in zip(self._kinds, (~masked, masked), strict=True):
            drawn[chosen] = _rounds(kind, int(chosen.sum()), generator)
        return drawn[self._rank :: self._world].tolist()

    def __len__(self) -> int:
        return -(-sum(map(len, self._kinds)) // self._world)

    def set_epoch(self, epoch: int) -> None:
        """Called by mmengine."""
        self._epoch = epoch


def _rounds(indices: torch.Tensor, count: int, generator: torch.Generator) -> torch.Tensor:
    """(count,) indices in random order, each of them once before any comes again."""
    if not count:
        return indices[:0]
    rounds = [indices[torch.randperm(len(indices), generator=generator)] for _ in range(-(-count // len(indices)))]
    return torch.cat(rounds)[:count]
