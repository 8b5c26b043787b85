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

from gain_plugin.mm.samples import maps_and_truth, predicted_scores, with_masks
from gain_plugin.seeds import THRESHOLDS, seed_confusion, seed_summary


@METRICS.register_module()
class MultiLabelAP(BaseMetric):
    """How well ``pred_scores``, or the pooled ``seg_logits`` of a segmentor, rank, in per cent.

    ``mAP``, the mean over classes of the average precision (scikit-learn's; a class that no image has is left out),
    ``AP_<class>``, and ``top1``, the share of images whose highest score is a class they have.
    """

    default_prefix = ''  # none

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Collect each sample's ``pred_scores`` (K,), or ``seg_logits`` (K, H, W), and ``gt_label`` (n,)."""
        for sample in data_samples:
            scores = predicted_scores(sample).numpy()
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
    constant background score, argmax, one confusion matrix over all images. The best of the thresholds 0, 0.01, ... is
    chosen on the images evaluated. Gives the figures of ``gain_plugin.seed_summary``.
    """

    default_prefix = ''  # none

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Add up the confusion of each sample's ``attention_maps`` (n, H, W) with its ``gt_sem_seg``."""
        classes = len(self.dataset_meta['classes'])
        for sample in with_masks(data_samples):
            confusion = seed_confusion(*maps_and_truth(sample), THRESHOLDS, classes)
            self.results[:] = [confusion + self.results[0] if self.results else confusion]  # memory does not grow

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Scores at the threshold with the best mIoU."""
        if not results:
            print_log('seed_mIoU needs masks, and no sample has one', 'current', logging.WARNING)
            return {'seed_mIoU': math.nan}
        return seed_summary(torch.stack(results).sum(0), THRESHOLDS, self.dataset_meta['classes'])
