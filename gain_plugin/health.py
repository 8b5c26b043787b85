"""What the guidance does in a step, in numbers for a log; none of them costs a further pass."""

import torch
from torch import Tensor

from gain_plugin.attention import MIN_PEAK


def map_health(maps: Tensor, masks: Tensor) -> dict[str, Tensor]:
    """``coverage``, the share of the image under soft masks, and ``dead_maps``, the share of maps that show nothing.

    Args:
        maps: (P, h, w) attention maps, undivided, at least one. A map is dead if its maximum is below ``MIN_PEAK``.
        masks: (P, h, w) their soft masks T(A) in 0..1 (Eq. 4).

    Returns:
        Means over the P pairs, in 0..1.

    """
    return {'coverage': masks.mean(), 'dead_maps': (maps.amax((-2, -1)) < MIN_PEAK).to(masks).mean()}


def score_health(scores: Tensor, erased_scores: Tensor, pairs: Tensor, *, softmax: bool) -> dict[str, Tensor]:
    """``score_before`` and ``score_after`` erasing: how probable each pair's class is, as a mean over the pairs.

    Args:
        scores: (N, K) scores of the images, by the classifier.
        erased_scores: (P, K) scores of the erased images, by the scorer; at least one.
        pairs: (P, 2) [image, class] of what was erased.
        softmax: whether a probability is a softmax over the classes, else a sigmoid.

    Returns:
        Means over the P pairs, in 0..1.

    """
    image, cls = pairs.to(scores.device).unbind(1)
    return {
        'score_before': _probability(scores[image], cls, softmax),
        'score_after': _probability(erased_scores, cls, softmax),
    }


def _probability(scores: Tensor, cls: Tensor, softmax: bool) -> Tensor:
    """Mean probability of the classes ``cls`` (P,) among ``scores`` (P, K)."""
    scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
    probability = scores.softmax(1) if softmax else scores.sigmoid()
    return probability.gather(1, cls[:, None]).mean()
