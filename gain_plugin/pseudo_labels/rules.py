"""The rule of pseudo labels, and its thresholds chosen on a few masks: the same way for every classifier.

A map becomes labels by two thresholds: what exceeds ``foreground`` is its class, what does not exceed ``background`` is
background, what lies between is undecided (IRN, Ahn et al., CVPR 2019). The best pair differs from method to method by
more than the methods do, so it is chosen for each, on the same masks. All here works on ``seed_confusion`` counts.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from gain_plugin.seeds import seed_scores

WITHIN = 0.02  # of the best mIoU, for the width of its plateau


class LabelRule(NamedTuple):
    """How maps become labels; the thresholds are those of ``seed_cues``."""

    foreground: float = 0.3
    background: float = 0.05
    saliency: str | None = None
    """Folder of <id>.png, grey, 255 for the most salient; replaces ``background``."""
    saliency_threshold: float = 0.06
    refine: str | Callable[[Tensor, Tensor], Tensor] | None = None
    """``'pamr'`` draws the maps to the edges of the image, before the thresholds; ``'crf'`` the labels, after them. Or
    a function of a module, in the place of PAMR: of maps (n, H, W) in 0..1 and the image (3, H, W) float32 in 0..255,
    it gives finite maps (n, H, W), which are then divided by their own maxima."""
    otsu: bool = False
    """Each image has a threshold of its own, ``otsu_threshold``, in place of ``foreground`` and ``background``."""
    regions: str | None = None
    """Folder of <id>.png, the number of the region of each pixel, 0 for none: maps become ``region_means``, after PAMR
    or a function and before the thresholds."""

    def check(self) -> None:
        """Refuse thresholds that contradict each other."""
        if self.refine not in (None, 'pamr', 'crf') and not callable(self.refine):
            raise ValueError(f"refine must be None, 'pamr', 'crf' or a function, got {self.refine!r}")
        if not 0 <= self.background <= self.foreground <= 1:
            raise ValueError(
                f'thresholds must be 0 <= background <= foreground <= 1, got {self.background} and {self.foreground}'
            )
        if not 0 <= self.saliency_threshold <= 1:
            raise ValueError(f'the saliency threshold must be in 0..1, got {self.saliency_threshold}')


class Calibration(NamedTuple):
    """Thresholds and what they are worth on the masks they were chosen on; all in 0..1."""

    foreground: float
    """Map above which a class is sure."""
    background: float
    """Map up to which it is background."""
    miou: float
    """Of the decided pixels."""
    decided: float
    """Share of the pixels."""
    single: float
    """Best mIoU of one threshold for both, so that all is decided."""
    width: float
    """Of the interval of single thresholds around the best that lose less than two points: how much luck matters."""
    oracle: float
    """mIoU if each image had its own best single threshold: what a better rule could win at most."""


def calibrate(confusions: Tensor, thresholds: Tensor, decided: float = 1.0) -> Calibration:
    """Choose the pair of thresholds with the best mIoU of those that decide enough.

    Args:
        confusions: (N, T, K + 1, K + 1) ``seed_confusion`` counts of each image at every threshold.
        thresholds: (T,) ascending, evenly spaced, in 0..1.
        decided: least share of pixels that is to be decided; 1 makes both thresholds the same.

    Returns:
        The thresholds, and how much depends on them. Of equally good pairs the one that decides most.

    Raises:
        ValueError: no image, a share out of 0..1, or masks without a pixel that is known.

    """
    if not len(confusions):
        raise ValueError('no image has a mask to choose thresholds on')
    if not 0 <= decided <= 1:
        raise ValueError(f'the share of decided pixels must be in 0..1, got {decided}')
    total = confusions.sum(0)
    if not total.sum():
        raise ValueError('no pixel of the masks is known: the thresholds cannot be chosen on them')
    miou, share = pair_scores(total)
    allowed = torch.where(share >= min(decided, float(share.max())), miou, -1).nan_to_num(-1)
    best = torch.nonzero(allowed == allowed.max())  # (n, 2) background, foreground
    low, high = best[share[tuple(best.T)].argmax()].tolist()
    single = seed_scores(total).miou
    return Calibration(
        foreground=round(float(thresholds[high]), 4),  # 0.3, not 0.30000001192
        background=round(float(thresholds[low]), 4),
        miou=float(miou[low, high]),
        decided=float(share[low, high]),
        single=float(single.max()),
        width=plateau(single, thresholds),
        oracle=float(seed_scores(best_of_each(confusions)[None]).miou[0]),
    )


def otsu_threshold(maps: Tensor, bins: int = 100) -> float:
    """A threshold for one image without any mask: Otsu's (1979), of the largest map of each pixel.

    It parts the pixels into two groups so that their means, weighted by their sizes, lie farthest apart.

    Args:
        maps: (n, H, W) in 0..1 of the image's n classes, at least one.
        bins: B of the histogram; the threshold is one of 1/B, 2/B, ... 1.

    """
    counts = torch.histc(maps.amax(0), bins, 0, 1).double()
    centres = (torch.arange(bins, device=maps.device) + 0.5) / bins
    size, moment = counts.cumsum(0), (counts * centres).cumsum(0)
    between = (moment * size[-1] - moment[-1] * size) ** 2 / (size * (size[-1] - size)).clamp_min(1)
    return (int(between.argmax()) + 1) / bins


def pair_scores(confusion: Tensor) -> tuple[Tensor, Tensor]:
    """Scores of all pairs of thresholds: mIoU of the decided pixels and their share, (T, T) [background, foreground].

    A background above the foreground makes no pair: NaN and 0.

    Args:
        confusion: (T, K + 1, K + 1) counts of all images.

    """
    counts = confusion.double()
    steps = len(counts)
    shape = (steps, steps, *counts.shape[1:])
    pairs = torch.cat([counts[:, None, :, :1].expand(*shape[:3], 1), counts[None, :, :, 1:].expand(*shape[:3], -1)], 3)
    ordered = torch.ones(steps, steps, dtype=torch.bool).triu()  # background <= foreground
    miou = seed_scores(pairs.flatten(0, 1)).miou.view(steps, steps)
    share = pairs.sum((2, 3)) / counts[0].sum()
    return torch.where(ordered, miou, torch.nan), torch.where(ordered, share, 0)


def plateau(miou: Tensor, thresholds: Tensor) -> float:
    """Width of the interval of thresholds around the best whose mIoU (T,) stays within two points of it."""
    best = int(miou.argmax())
    below = torch.nonzero(miou < miou[best] - WITHIN)[:, 0]
    left = below[below < best].max() + 1 if (below < best).any() else torch.tensor(0)
    right = below[below > best].min() - 1 if (below > best).any() else torch.tensor(len(miou) - 1)
    return float(thresholds[right] - thresholds[left])


def best_of_each(confusions: Tensor) -> Tensor:
    """Sum (K + 1, K + 1) of the confusions (N, T, K + 1, K + 1), each image at the threshold that suits it best."""
    scores = [seed_scores(own).miou for own in confusions]
    return torch.stack([own[int(miou.argmax())] for own, miou in zip(confusions, scores, strict=True)]).sum(0)
