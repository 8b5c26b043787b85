"""mmengine metric: how well the attention maps localise their classes."""

import logging
import math
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmengine.registry import METRICS
from torch import Tensor

from gain_plugin.localization import (
    BOX_IOUS,
    box_hits,
    energy_inside,
    pixel_average_precision,
    pixel_histogram,
    pointing_hits,
)
from gain_plugin.mm.samples import maps_and_truth, with_masks
from gain_plugin.settings import check_count, is_number


@METRICS.register_module()
class Localization(BaseMetric):
    """PxAP, MaxBoxAccV2 and two pointing games of the ``attention_maps``, in per cent.

    A pair of an image and one of its labels counts only if the class has a pixel in the image's ``gt_sem_seg``. Gives

    * ``PxAP``: mean over classes of the average precision of their pixels, at the thresholds 0, 0.001, ... 1,
    * ``box_acc_30``, ``box_acc_50``, ``box_acc_70``: share of pairs with a box of that IoU, each at its best threshold,
      and ``MaxBoxAccV2``, their mean,
    * ``pointing_game``: mean over classes of the share of maxima that fall on the class,
    * ``energy_pointing_game``: mean over pairs of the share of the map that is on the class.

    All are NaN if no pair counts; if no sample has a mask, there is ``PxAP`` alone and the log says so.

    Args:
        num_box_thresholds: T evenly spaced thresholds 0, 1/T, ... below 1 are tried for the boxes; each
            takes about 1 ms a map of 320x240.
        tolerance: of the pointing game, in pixels of ``gt_sem_seg``.
        collect_device: as in mmengine.
        prefix: as in mmengine.

    """

    default_prefix = ''  # none

    def __init__(
        self,
        num_box_thresholds: int = 30,
        tolerance: float = 15.0,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix)
        check_count('num_box_thresholds', num_box_thresholds)
        if not is_number(tolerance) or tolerance < 0:
            raise ValueError(f'tolerance must be 0 pixels or more, got {tolerance!r}')
        self.thresholds = torch.arange(1001) / 1000
        self.box_thresholds = torch.arange(num_box_thresholds) / num_box_thresholds
        self.tolerance = tolerance

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Add up the counts of each sample's ``attention_maps`` (n, H, W) and ``gt_sem_seg``."""
        for sample in with_masks(data_samples):
            maps, label, truth = maps_and_truth(sample)
            present = torch.isin(label + 1, truth)
            counts = self._count(maps[present], label[present], truth)
            self.results[:] = [_total([*self.results, counts])]  # memory does not grow

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Scores of the counts of all ranks."""
        if not results:
            print_log('Localization needs masks, and no sample has one', 'current', logging.WARNING)
            return {'PxAP': math.nan}
        total = _total(results)
        pairs = total['pairs'].sum()
        accuracy = total['boxes'].amax(0) / pairs
        scores = {
            'PxAP': pixel_average_precision(total['pixels']).nanmean(),
            'MaxBoxAccV2': accuracy.mean(),
            **{f'box_acc_{round(100 * iou)}': share for iou, share in zip(BOX_IOUS, accuracy, strict=True)},
            'pointing_game': (total['pointing'] / total['pairs']).nanmean(),
            'energy_pointing_game': total['energy'] / pairs,
        }
        return {name: 100 * float(score) for name, score in scores.items()}

    def _count(self, maps: Tensor, label: Tensor, truth: Tensor) -> dict[str, Tensor]:
        classes = len(self.dataset_meta['classes'])
        pointing = pointing_hits(maps, label, truth, classes, tolerance=self.tolerance)
        return {
            'pixels': pixel_histogram(maps, label, truth, self.thresholds, classes),
            'boxes': box_hits(maps, label, truth, self.box_thresholds),
            'pointing': label[pointing].bincount(minlength=classes),
            'energy': energy_inside(maps, label, truth, classes).sum(),
            'pairs': label.bincount(minlength=classes),
        }


def _total(counts: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.stack([part[name] for part in counts]).sum(0) for name in counts[0]}
