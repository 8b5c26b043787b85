"""What an evaluation keeps of its photos for the report: small pictures, scores, and how good the seeds are."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gain_plugin.report.thumbnails import map_uri, mask_uri, photo_uri
from gain_plugin.seeds import THRESHOLDS, seed_confusion, seed_scores, seed_summary


class Records:
    """Collects photos one by one; ``content`` is what goes into ``report.json``.

    Args:
        classes: K names.
        count: how many photos are kept; the figures are of all.

    """

    def __init__(self, classes: Sequence[str], count: int = 2000) -> None:
        self._classes = list(classes)
        self._count = count
        self._photos: dict[str, dict[str, Any]] = {}
        self._confusion: Tensor | None = None

    def add(
        self, name: str, photo: np.ndarray, labels: Tensor, maps: Tensor, scores: Tensor, truth: Tensor | None
    ) -> None:
        """Keep a photo.

        Args:
            name: what it is called in every run.
            photo: (H, W, 3) uint8.
            labels: (n,) its classes, ascending.
            maps: (n, H, W) their maps in 0..1.
            scores: (K,) the classifier's.
            truth: (H, W) integers, 0 background, c + 1 for class c, all above K unknown; None without a mask.

        """
        confusion = None if truth is None else seed_confusion(maps, labels, truth, THRESHOLDS, len(self._classes))
        if confusion is not None:
            self._confusion = confusion if self._confusion is None else self._confusion + confusion
        if name in self._photos or len(self._photos) >= self._count:
            return
        pairs = []
        for label, own in zip(labels.tolist(), maps, strict=True):
            pair = {
                'class': self._classes[label],
                'score': _number(scores[label].item()),
                'coverage': float((own >= 0.5).float().mean()),
                'map': map_uri(own),
            }
            if truth is not None and confusion is not None:
                pair |= {'truth': mask_uri(truth == label + 1), 'iou': _iou(confusion, label + 1)}
            pairs.append(pair)
        self._photos[name] = {'name': name, 'photo': photo_uri(photo), 'pairs': pairs}

    def merge(self, other: 'Records') -> None:
        """Take in what another process has kept of other photos."""
        self._photos = {**self._photos, **other._photos}
        if other._confusion is not None:
            self._confusion = other._confusion if self._confusion is None else self._confusion + other._confusion

    def content(self, metrics: dict[str, float]) -> dict[str, Any]:
        """What ``write_report`` reads: ``classes``, ``metrics``, ``curve`` over ``THRESHOLDS`` and ``photos``.

        The IoU of a pair is that of its seeds at the threshold with the best mIoU over all photos.
        """
        own = dict(metrics)
        curve, best = None, None
        if self._confusion is not None:
            scores = seed_scores(self._confusion)
            best = int(scores.miou.argmax())
            own = {**own, **seed_summary(self._confusion, THRESHOLDS, self._classes)}
            parts = {'mIoU': scores.miou, 'precision': scores.precision, 'recall': scores.recall}
            curve = {name: [_number(100 * value) for value in values.tolist()] for name, values in parts.items()}
        photos = [{**photo, 'pairs': [_at(pair, best) for pair in photo['pairs']]} for photo in self._photos.values()]
        figures = {name: _number(value) for name, value in own.items() if isinstance(value, (int, float))}
        return {'classes': self._classes, 'metrics': figures, 'curve': curve, 'photos': photos}


def _iou(confusion: Tensor, index: int) -> Tensor:
    """(T,) IoU of one class in one image's ``confusion`` (T, K + 1, K + 1); 0 where neither truth nor seeds have it."""
    hit = confusion[:, index, index]
    union = confusion[:, index].sum(1) + confusion[:, :, index].sum(1) - hit
    return hit / union.clamp_min(1)


def _at(pair: dict[str, Any], best: int | None) -> dict[str, Any]:
    return {**pair, 'iou': float(pair['iou'][best])} if 'iou' in pair and best is not None else pair


def _number(value: float) -> float | None:
    """None for what JSON has no word for."""
    return float(value) if torch.isfinite(torch.tensor(value)) else None
