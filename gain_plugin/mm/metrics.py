"""mmengine metrics: how well the classifier ranks, and how good its attention maps are as seeds."""

import logging
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmengine.registry import METRICS

from gain_plugin.mm.samples import maps_and_truth, with_masks
from gain_plugin.pooling import pool_logits
from gain_plugin.seeds import seed_confusion, seed_scores


@METRICS.register_module()
class MultiLabelAP(BaseMetric):
    """How well ``pred_scores``, or the pooled ``seg_logits`` of a segmentor, rank, in per cent.

    ``mAP``, the mean over classes of the average precision (scikit-learn's; a class that no image has is left out),
    ``AP_<class>``, and ``top1``, the share of images whose highest score is a class they have.
    """

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Collect each sample's ``pred_scores`` (K,), or ``seg_logits`` (K, H, W), and ``gt_label`` (n,)."""
        for sample in data_samples:
            if 'pred_scores' in sample:
                scores = torch.as_tensor(sample['pred_scores']).cpu().numpy()
            else:
                scores = pool_logits(sample['seg_logits']['data'][None])[0].cpu().numpy()
            truth = np.zeros(len(scores), bool)
            truth[np.asarray(sample['gt_label'], dtype=int)] = True
            self.results.append((scores, truth))

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Average precision of every class that occurs, and their mean."""
        from sklearn.metrics import average_precision_score

        scores, truth = (np.stack(part) for part in zip(*results, strict=True))
        names = (self.dataset_meta or {}).get('classes') or range(scores.shape[1])
        precision = {
            f'AP_{name}': 100 * float(average_precision_score(truth[:, index], scores[:, index]))
            for index, name in enumerate(names)
            if truth[:, index].any()
        }
        top1 = 100 * float(np.take_along_axis(truth, scores.argmax(1)[:, None], 1).mean())
        mean = sum(precision.values()) / len(precision) if precision else math.nan
        return {'mAP': mean, 'top1': top1, **precision}


@METRICS.register_module()
class SeedIoU(BaseMetric):
    """mIoU of the seeds in ``attention_maps`` at the best of the background thresholds, in per cent.

    Images without a mask are left out; without any, ``seed_mIoU`` is NaN and the log says so.

    The field's protocol (IRN, CVPR 2019): maps of the ground-truth classes only, each divided by its maximum, a
    constant background score, argmax, one confusion matrix over all images. The best threshold is chosen on the images
    evaluated. Gives ``seed_mIoU``, and at its threshold ``seed_threshold`` (0..1), ``seed_precision`` and
    ``seed_recall`` (means over the classes without background) and ``seed_IoU_<class>``.

    Args:
        num_thresholds: T evenly spaced thresholds 0, 1/T, ... below 1 are tried.
        collect_device: as in mmengine.
        prefix: as in mmengine.

    """

    def __init__(self, num_thresholds: int = 100, collect_device: str = 'cpu', prefix: str | None = None) -> None:
        super().__init__(collect_device, prefix)
        self.thresholds = torch.arange(num_thresholds) / num_thresholds

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Add up the confusion of each sample's ``attention_maps`` (n, H, W) with its ``gt_sem_seg``."""
        classes = len(self.dataset_meta['classes'])
        for sample in with_masks(data_samples):
            confusion = seed_confusion(*maps_and_truth(sample), self.thresholds, classes)
            self.results[:] = [confusion + self.results[0] if self.results else confusion]  # memory does not grow

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Scores at the threshold with the best mIoU."""
        if not results:
            print_log('seed_mIoU needs masks, and no sample has one', 'current', logging.WARNING)
            return {'seed_mIoU': math.nan}
        scores = seed_scores(torch.stack(results).sum(0))
        best = int(scores.miou.argmax())
        iou = dict(zip(('background', *self.dataset_meta['classes']), (100 * scores.iou[best]).tolist(), strict=True))
        return {
            'seed_mIoU': 100 * float(scores.miou[best]),
            'seed_threshold': float(self.thresholds[best]),
            'seed_precision': 100 * float(scores.precision[best]),
            'seed_recall': 100 * float(scores.recall[best]),
            **{f'seed_IoU_{name}': value for name, value in iou.items()},
        }
