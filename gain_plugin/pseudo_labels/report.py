"""What a run of ``make_pseudo_labels`` did, and how good the labels are."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gain_plugin.pseudo_labels.files import counts_path, label_path
from gain_plugin.pseudo_labels.rules import Calibration
from gain_plugin.seeds import THRESHOLDS, seed_scores, seed_summary


class LabelReport(NamedTuple):
    """What ``make_pseudo_labels`` did."""

    made: int
    """Images with a tag, labelled in this run."""
    found: int
    """Images that an earlier run had labelled."""
    untagged: int
    """Images without a tag, labelled as background all over in this run."""
    failed: dict[str, str]
    """What is wrong with an image, by its name."""
    metrics: dict[str, float]
    """Per cent, over all labelled images of the list that have a mask: those of ``seed_summary``, and of the labels
    ``label_mIoU`` (undecided pixels taken as background, as IRN does), ``label_mIoU_decided`` (without these),
    ``label_decided`` (share of pixels) and ``label_IoU_<class>``. Empty without masks."""
    calibration: Calibration | None = None
    """The thresholds that were chosen, and how much depends on them, where they were to be."""


def measure(out: Path, names: Sequence[str], classes: Sequence[str]) -> dict[str, float]:
    """``LabelReport.metrics`` from the counts of the images that have labels and a mask."""
    counted = [name for name in names if label_path(out, name).exists() and counts_path(out, name).exists()]
    if not counted:
        return {}
    seeds, labels = 0, 0
    for name in counted:
        with np.load(counts_path(out, name)) as counts:
            seeds, labels = seeds + counts['seeds'], labels + counts['labels']
    summary = seed_summary(torch.from_numpy(seeds), THRESHOLDS, classes)
    return {**summary, **_label_scores(torch.from_numpy(labels), classes)}


def _label_scores(counts: Tensor, classes: Sequence[str]) -> dict[str, float]:
    decided, filled = counts[:, :-1], counts[:, :-1].clone()
    filled[:, 0] += counts[:, -1]
    scores = seed_scores(torch.stack([filled, decided]))
    return {
        'label_mIoU': 100 * float(scores.miou[0]),
        'label_mIoU_decided': 100 * float(scores.miou[1]),
        'label_decided': 100 * float(decided.sum() / counts.sum()),
        **{f'label_IoU_{n}': 100 * float(v) for n, v in zip(('background', *classes), scores.iou[0], strict=True)},
    }
