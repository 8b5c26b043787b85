"""What the guidance does: numbers of a step for a log, which cost no further pass, and a look at images."""

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from gain_plugin.attention import MIN_PEAK
from gain_plugin.transfer import to_device

if TYPE_CHECKING:
    from gain_plugin.model import GAIN


class Look(NamedTuple):
    """What the guidance sees in images and erases, detached; P pairs in the order of ``labels.nonzero()``."""

    maps: Tensor
    """(P, h, w) attention maps in 0..1."""
    masks: Tensor
    """(P, h, w) soft masks T(A) in 0..1."""
    erased: Tensor
    """(P, C, H, W) erased images, normalised as the images are."""
    before: Tensor
    """(P,) how probable the class is to the classifier in the image, in 0..1."""
    after: Tensor
    """(P,) how probable it is to the scorer in the erased image, in 0..1."""


def look(gain: 'GAIN', images: Tensor, labels: Tensor) -> Look:
    """Maps, masks, erased images and what the class scores before and after, as ``GAIN.health`` has them.

    Nothing of ``gain`` changes. It is looked at in its present mode: call ``eval()`` first, ``train()`` afterwards.

    Args:
        gain: the classifier with its guidance.
        images: (N, C, H, W), normalised.
        labels: (N, K) multi-hot, at least one positive.

    """
    maps = gain.attention(images, labels)
    image, cls = labels.to(images.device).nonzero(as_tuple=True)
    softmax = any(str(getattr(term, 'mining', '')).startswith('softmax') for term in gain.terms)
    with torch.no_grad():
        erased = gain.erase(images, maps, image, gain.fill_of(images))
        before = gain.score(gain.classifier, images, {}, torch.detach)[image]
        after = gain.scorer(gain, erased, {})
    torch.clear_autocast_cache()  # weights cast without a graph must not serve a training step
    return Look(
        maps, gain.mask(maps), erased, _probabilities(before, cls, softmax), _probabilities(after, cls, softmax)
    )


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
    image, cls = to_device(pairs, scores).unbind(1)
    return {
        'score_before': _probabilities(scores[image], cls, softmax).mean(),
        'score_after': _probabilities(erased_scores, cls, softmax).mean(),
    }


def _probabilities(scores: Tensor, cls: Tensor, softmax: bool) -> Tensor:
    """(P,) probabilities of the classes ``cls`` (P,) among ``scores`` (P, K)."""
    scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
    probability = scores.softmax(1) if softmax else scores.sigmoid()
    return probability.gather(1, cls[:, None]).squeeze(1)
