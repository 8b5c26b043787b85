"""Cues of foreground and background, and the labels that they make (IRN, Ahn et al., CVPR 2019)."""

import torch
from torch import Tensor

from gain_plugin.masks import UNKNOWN, check_classes_fit


def seed_cues(
    maps: Tensor,
    *,
    foreground: float = 0.3,
    background: float = 0.05,
    saliency: Tensor | None = None,
    saliency_threshold: float = 0.06,
) -> tuple[Tensor, Tensor]:
    """Two answers to what each pixel shows: one that is sparing with the classes, and one that is sparing with 0.

    The foreground cue is the class of the largest map where that exceeds ``foreground`` (IRN: 0.3; SEC, Kolesnikov and
    Lampert, ECCV 2016: 0.2). The background cue is 0 where no class is likely: it has the class of the largest map
    wherever that exceeds ``background`` (IRN: 0.05) or, with a saliency map, wherever the saliency exceeds its
    threshold (0.06, as Huang et al., CVPR 2018).

    Args:
        maps: (n, H, W) in 0..1 of the image's n classes, at least one.
        foreground: in 0..1.
        background: in 0..1, at most ``foreground``.
        saliency: (H, W) in 0..1, used instead of ``background``.
        saliency_threshold: in 0..1.

    Returns:
        The foreground cue (H, W) and the background cue (H, W), int64: 0 background, i + 1 for map i.

    """
    if saliency is not None and saliency.shape != maps.shape[1:]:
        raise ValueError(f'maps {tuple(maps.shape[1:])} and saliency {tuple(saliency.shape)} differ in size')
    peak, best = maps.max(0)
    likely = peak > background if saliency is None else saliency > saliency_threshold
    foreground_cue = torch.where(peak > foreground, best + 1, 0)
    return foreground_cue, torch.where(likely | (foreground_cue > 0), best + 1, 0)


def labels_from_cues(foreground_cue: Tensor, background_cue: Tensor, classes: Tensor) -> Tensor:
    """Where the foreground cue has a class, that; background where the background cue is 0; else undecided.

    Args:
        foreground_cue: (H, W) int64 of ``seed_cues``, refined or not.
        background_cue: (H, W) int64 of ``seed_cues``, refined or not.
        classes: (n,) which classes the numbers 1 to n are, 0 to K - 1.

    Returns:
        (H, W) uint8: 0 background, c + 1 for class c, 255 undecided.

    Raises:
        ValueError: a class above 253, which 8 bit cannot number.

    """
    check_classes_fit(int(classes.max()) + 1 if len(classes) else 0)
    values = torch.cat([classes.new_zeros(1), classes + 1])
    undecided = (foreground_cue == 0) & (background_cue > 0)
    return torch.where(undecided, UNKNOWN, values[foreground_cue]).to(torch.uint8)
