"""Seed, expand and constrain (SEC): the three losses of Kolesnikov and Lampert, ECCV 2016, on probabilities.

Letters: N images, C = K + 1 classes with background as class 0, (h, w) the grid of the network.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from gain_plugin.pseudo_labels.crf import smooth

FLOOR = 1e-4
"""Probabilities are kept above this, as in the authors' code."""


def floored_softmax(scores: Tensor) -> Tensor:
    """Softmax over dimension 1 of (N, C, h, w) scores, with no probability below about 1e-4 (authors' code)."""
    probabilities = scores.softmax(1) + FLOOR
    return probabilities / probabilities.sum(1, keepdim=True)


def seeding_loss(probabilities: Tensor, seeds: Tensor) -> Tensor:
    """Mean of -log of the seed's class over the seeded pixels of an image, then over images (Eq. 2).

    Args:
        probabilities: (N, C, h, w), above 0.
        seeds: (N, h, w) integers, 0 to C - 1; all above is no seed. An image without any counts 0.

    """
    known = seeds < probabilities.shape[1]
    index = torch.where(known, seeds, 0).long()[:, None]
    log = probabilities.gather(1, index)[:, 0].log() * known
    return -(log.sum((1, 2)) / known.sum((1, 2)).clamp(min=1)).mean()


def rank_pooling(probabilities: Tensor, decay: float) -> Tensor:
    """Global weighted rank pooling: mean over pixels, the j-th largest weighted by decay^j (Eq. 4, 5).

    Args:
        probabilities: (..., h, w).
        decay: in 0..1; 0 gives the maximum, 1 the mean.

    Returns:
        (...).

    """
    ranked = probabilities.flatten(-2).sort(-1, descending=True).values
    weights = decay ** torch.arange(ranked.shape[-1], device=ranked.device, dtype=ranked.dtype)
    return (ranked * weights).sum(-1) / weights.sum()


def expansion_loss(
    probabilities: Tensor,
    labels: Tensor,
    present: float = 0.996,
    absent: float = 0.0,
    background: float = 0.999,
) -> Tensor:
    """Classes of the image fill some of it, others nothing, background most of it (Eq. 3); mean over images.

    Args:
        probabilities: (N, C, h, w), in 0..1 without the ends.
        labels: (N, K) multi-hot.
        present: decay of the rank pooling for the image's classes.
        absent: for the classes that the image does not show; 0 takes the maximum.
        background: for the background.

    """
    classes = probabilities[:, 1:]
    shown = labels.to(probabilities)
    inside = (rank_pooling(classes, present).log() * shown).sum(1) / shown.sum(1).clamp(min=1)
    hidden = 1 - shown
    outside = ((1 - rank_pooling(classes, absent)).log() * hidden).sum(1) / hidden.sum(1).clamp(min=1)
    return -(inside + outside + rank_pooling(probabilities[:, 0], background).log()).mean()


def constrain_loss(probabilities: Tensor, smoothed: Tensor) -> Tensor:
    """Kullback-Leibler divergence of the network's output from the field's, mean over pixels and images (Eq. 6).

    Args:
        probabilities: (N, C, h, w), above 0.
        smoothed: (N, C, h, w), above 0, as ``CRFSmooth`` gives them.

    """
    return (smoothed * (smoothed / probabilities).log()).sum(1).mean()


class CRFSmooth(torch.autograd.Function):
    """Probabilities of the dense CRF, whose unary term is the network's scores.

    Mean field inference has no gradient here. The authors' code takes that of a softmax, and of this the diagonal only:
    d log Q_c / d score_c is taken as 1 - Q_c. So is it here.
    """

    @staticmethod
    def forward(ctx: Any, scores: Tensor, images: np.ndarray) -> Tensor:
        """Probabilities (N, C, h, w) above 1e-4, from scores (N, C, h, w) and images (N, h, w, 3) uint8 RGB."""
        unary = scores.detach().cpu().float().numpy()
        fields = [smooth(image, own, shrunk=12) for image, own in zip(images, unary, strict=True)]
        smoothed = torch.from_numpy(np.stack(fields)).to(scores).clamp(min=FLOOR)
        smoothed = smoothed / smoothed.sum(1, keepdim=True)
        ctx.save_for_backward(smoothed)
        return smoothed

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        """As d Q_c = Q_c d log Q_c, the gradient is Q_c (1 - Q_c) times the one that comes in."""
        (smoothed,) = ctx.saved_tensors
        return gradient * smoothed * (1 - smoothed), None
