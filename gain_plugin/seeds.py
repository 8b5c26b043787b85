"""Seeds from attention maps, and how good they are: the protocol of IRN (Ahn et al., CVPR 2019) and its successors."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from gain_plugin.masks import check_truth
from gain_plugin.settings import check_flag, is_number

SCALES = (1.0, 0.5, 1.5, 2.0)
THRESHOLDS = torch.arange(100) / 100
"""Background scores that are tried: 0, 0.01, ... 0.99."""


class SeedScores(NamedTuple):
    """Scores of the seeds at every threshold (T), in 0..1; NaN for a class that neither truth nor seeds have."""

    miou: Tensor
    """(T,) mean over background and classes."""
    iou: Tensor
    """(T, K + 1) per class, background first."""
    precision: Tensor
    """(T,) mean over the classes without background."""
    recall: Tensor
    """(T,) mean over the classes without background."""


def multi_scale_maps(
    attend: Callable[[Tensor, Tensor], Tensor],
    images: Tensor,
    labels: Tensor,
    *,
    scales: Sequence[float] = SCALES,
    flip: bool = True,
) -> Tensor:
    """Sum of the maps of all scales, and of the mirrored images, each divided by its maximum (plus 1e-5).

    Args:
        attend: gives undivided maps (P, h, w) of images and labels, as ``partial(gain.attention, normalize=False)``.
        images: (N, 3, H, W), normalised.
        labels: (N, K) multi-hot.
        scales: factors on (H, W).
        flip: add the maps of the mirrored images, mirrored back.

    Returns:
        (P, H, W) maps in 0..1, in the order of ``labels.nonzero()``.

    Raises:
        ValueError: as ``check_scales``, or a scale that leaves nothing of the images.

    """
    check_scales(scales, flip)
    size = images.shape[-2:]
    total = torch.zeros((), device=images.device)
    for scale in scales:
        sides = [round(side * scale) for side in size]
        if not all(sides):
            raise ValueError(f'scales={scale:g} makes {sides[0]} x {sides[1]} of images of {size[0]} x {size[1]}')
        scaled = images if scale == 1 else _resize(images, sides)
        if flip:  # one pass for both
            maps, mirrored = attend(torch.cat([scaled, scaled.flip(-1)]), torch.cat([labels, labels])).chunk(2)
            total = total + _resize((maps + mirrored.flip(-1))[:, None], size)
        else:
            total = total + _resize(attend(scaled, labels)[:, None], size)
    maps = total[:, 0]
    return maps / (maps.amax((-2, -1), keepdim=True) + 1e-5)


def check_scales(scales: Any, flip: Any) -> None:
    """Raise a ValueError unless ``scales`` are factors, at least one, and ``flip`` is True or False."""
    if not isinstance(scales, Sequence) or not scales or not all(is_number(one) and one > 0 for one in scales):
        raise ValueError(f'scales must be factors above 0, as (1.0, 0.5), got {scales!r}')
    check_flag('flip', flip)


def seed_confusion(maps: Tensor, classes: Tensor, truth: Tensor, thresholds: Tensor, num_classes: int) -> Tensor:
    """Confusion of one image's seeds with the truth at every threshold, in one pass.

    A pixel's seed is the class with the largest map if that exceeds the threshold, else background: the argmax over the
    maps and a background of constant score. Sum the result over images.

    Args:
        maps: (n, H, W) maps in 0..1 of the classes the image is labelled with.
        classes: (n,) which classes these are, 0 to K - 1.
        truth: (H, W) integers, 0 background, c + 1 for class c; all above K is ignored.
        thresholds: (T,) background scores, ascending.
        num_classes: K.

    Returns:
        (T, K + 1, K + 1) int64 pixel counts [threshold, truth, seed].

    Raises:
        ValueError: maps out of 0..1, classes out of range, a truth of another size, or thresholds that do not ascend.

    """
    check_truth(maps, classes, truth, num_classes)
    if (thresholds.diff() < 0).any():
        raise ValueError(f'thresholds must ascend, got {thresholds.tolist()}')
    steps, size = len(thresholds), num_classes + 1
    known = truth <= num_classes
    truth = truth[known].long()
    if len(maps):
        peak, best = maps[:, known].max(0)
        below = torch.bucketize(peak, thresholds.to(peak))  # how many thresholds the peak exceeds
        seed = classes[best] + 1
    else:
        below = seed = torch.zeros_like(truth)
    flat = (truth * size + seed) * (steps + 1) + below
    counts = flat.bincount(minlength=size * size * (steps + 1)).view(size, size, steps + 1)
    above = counts.flip(-1).cumsum(-1).flip(-1)[..., 1:]  # [truth, class, t]: pixels whose peak exceeds threshold t
    confusion = above.permute(2, 0, 1).clone()
    confusion[:, :, 0] = counts.sum((1, 2)) - confusion.sum(2)  # no class is background, so column 0 was not seeded yet
    return confusion


def seed_scores(confusion: Tensor) -> SeedScores:
    """IoU, precision and recall from summed ``seed_confusion`` counts (T, K + 1, K + 1)."""
    counts = confusion.double()
    hit, truth, seed = counts.diagonal(dim1=1, dim2=2), counts.sum(2), counts.sum(1)
    iou = hit / (truth + seed - hit)
    return SeedScores(
        miou=iou.nanmean(1),
        iou=iou,
        precision=(hit / seed)[:, 1:].nanmean(1),
        recall=(hit / truth)[:, 1:].nanmean(1),
    )


def seed_summary(confusion: Tensor, thresholds: Tensor, classes: Sequence[str]) -> dict[str, float]:
    """The figures that papers report: scores in per cent at the threshold with the best mIoU.

    Args:
        confusion: (T, K + 1, K + 1) ``seed_confusion`` counts, summed over images.
        thresholds: (T,) those of ``seed_confusion``.
        classes: K names.

    Returns:
        ``seed_mIoU``, ``seed_threshold`` (0..1), ``seed_precision`` and ``seed_recall``, means over the classes without
        background, and ``seed_IoU_<class>``, with ``background``.

    """
    scores = seed_scores(confusion)
    best = int(scores.miou.argmax())
    iou = dict(zip(('background', *classes), (100 * scores.iou[best]).tolist(), strict=True))
    return {
        'seed_mIoU': 100 * float(scores.miou[best]),
        'seed_threshold': float(thresholds[best]),
        'seed_precision': 100 * float(scores.precision[best]),
        'seed_recall': 100 * float(scores.recall[best]),
        **{f'seed_IoU_{name}': value for name, value in iou.items()},
    }


def _resize(images: Tensor, size: Sequence[int]) -> Tensor:
    return F.interpolate(images, list(size), mode='bilinear', align_corners=False)
