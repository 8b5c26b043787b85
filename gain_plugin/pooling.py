"""From the logits of a segmentation network to one score a class."""

from torch import Tensor


def pool_logits(logits: Tensor) -> Tensor:
    """(N, K) scores from per-pixel ``logits`` (N, K, h, w)."""
    return logits.mean((-2, -1))
