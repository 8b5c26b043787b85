"""From the logits of a segmentation network to one score a class."""

from torch import Tensor


def pool_logits(logits: Tensor) -> Tensor:
    """Mean of a class's logits over the image, weighted by their softmax over the image.

    The score is high where the class is found anywhere, however small: the mean of a small object's logits would say it
    is absent. The weights sum to 1 with their gradients, too, so that Grad-CAM at the last layer is that layer's CAM.

    Args:
        logits: (N, K, h, w) before any softmax or sigmoid.

    Returns:
        (N, K) scores in the range of the logits.

    """
    pixels = logits.flatten(2)
    return (pixels.softmax(-1) * pixels).sum(-1)
