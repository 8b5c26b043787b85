"""Dense conditional random fields (Krähenbühl and Koltun, NIPS 2011) over the pixels of an image, by pydensecrf."""

from typing import Any

import numpy as np


def crf_labels(image: np.ndarray, labels: np.ndarray, num_labels: int) -> np.ndarray:
    """Labels moved to the edges of the image, with the settings of IRN (Ahn et al., CVPR 2019).

    Args:
        image: (H, W, 3) uint8 RGB.
        labels: (H, W) integers, 0 to L - 1, each believed with probability 0.7.
        num_labels: L, at least 2.

    Returns:
        (H, W) int64 labels.

    """
    confidence = 0.7
    probabilities = np.full((num_labels, *labels.shape), (1 - confidence) / (num_labels - 1), np.float32)
    np.put_along_axis(probabilities, labels[None].astype(np.int64), confidence, 0)
    field = _field(image, -np.log(probabilities), gaussian=(3.0, 3.0), bilateral=(50.0, 5.0, 10.0))
    return np.argmax(field.inference(10), 0).reshape(labels.shape)


def smooth(image: np.ndarray, scores: np.ndarray, shrunk: float = 1.0) -> np.ndarray:
    """Probabilities of the field for the scores of a network, with the settings of SEC (Kolesnikov and Lampert, 2016).

    Args:
        image: (h, w, 3) uint8 RGB, of the size of the scores.
        scores: (C, h, w) before a softmax.
        shrunk: how many times smaller the image is than a whole one of 321 pixels; SEC trains with 12.

    Returns:
        (C, h, w) float32 that sum up to 1.

    """
    field = _field(image, -scores, gaussian=(3 / shrunk, 3.0), bilateral=(80 / shrunk, 13.0, 10.0))
    return np.asarray(field.inference(10), np.float32).reshape(scores.shape)


def _field(
    image: np.ndarray,
    energy: np.ndarray,
    gaussian: tuple[float, float],
    bilateral: tuple[float, float, float],
) -> Any:
    """Field of an energy (L, H, W): gaussian is (pixels, weight), bilateral (pixels, colour, weight)."""
    try:
        from pydensecrf.densecrf import DenseCRF2D
    except ImportError as error:
        raise ImportError('the dense CRF needs pydensecrf: pip install pydensecrf2') from error
    labels, height, width = energy.shape
    if image.shape != (height, width, 3) or image.dtype != np.uint8:
        raise ValueError(f'image must be ({height}, {width}, 3) uint8, it is {image.shape} {image.dtype}')
    field = DenseCRF2D(width, height, labels)
    field.setUnaryEnergy(np.ascontiguousarray(energy.reshape(labels, -1), np.float32))
    field.addPairwiseGaussian(sxy=gaussian[0], compat=gaussian[1])
    pixels, colour, weight = bilateral
    field.addPairwiseBilateral(sxy=pixels, srgb=colour, rgbim=np.array(image, order='C'), compat=weight)
    return field
