"""Pixel-adaptive mask refinement (Araslanov and Roth, CVPR 2020, arXiv 2005.08104): maps drawn to the image's edges.

A local average, repeated: what a pixel takes from its neighbours depends on how alike their colours are. Plain torch,
so it needs no compiler, and it runs on whatever device the maps are on.
"""

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

DILATIONS = (1, 2, 4, 8, 12, 24)
CONTRAST = 0.1  # of the paper's code: how many deviations of colour make a neighbour e times less alike


def pamr(maps: Tensor, images: Tensor, *, iterations: int = 20, dilations: Sequence[int] = DILATIONS) -> Tensor:
    """Refine maps by the colours of their images.

    In each iteration a pixel becomes the average of its neighbours, the eight around it at every distance of
    ``dilations``; beyond the border the border goes on. The weights are a softmax over the neighbours of
    -|difference of colours| / (0.1 * deviation), averaged over the channels; the deviation is that of the pixel and
    its neighbours, as in the paper's code. Constant maps stay as they are and no map leaves its range.

    Args:
        maps: (N, C, H, W) floating point, each channel refined by itself.
        images: (N, 3, H, W) floating point, of any scale and offset: of a channel only differences in units of its
            own deviation count.
        iterations: how often.
        dilations: distances of the neighbours, in pixels.

    Returns:
        (N, C, H, W) maps.

    Raises:
        ValueError: maps and images of different size or number, integers, no dilations or iterations below 0.

    """
    if maps.ndim != 4 or images.ndim != 4 or (maps.shape[0], *maps.shape[2:]) != (images.shape[0], *images.shape[2:]):
        raise ValueError(
            f'maps must be (N, C, H, W) and images (N, 3, H, W), got {tuple(maps.shape)} and {tuple(images.shape)}'
        )
    if not (maps.is_floating_point() and images.is_floating_point()):
        raise ValueError(f'maps and images must be floating point, got {maps.dtype} and {images.dtype}: use .float()')
    if iterations < 0 or not dilations or min(dilations) < 1:
        raise ValueError(f'iterations must be >= 0 and dilations >= 1, got {iterations} and {list(dilations)}')
    weights = affinity(images, dilations).to(maps)
    for _ in range(iterations):
        refined = torch.zeros_like(maps)
        for weight, neighbour in zip(weights, _neighbours(maps, dilations), strict=True):
            refined.addcmul_(weight, neighbour)
        maps = refined
    return maps


def affinity(images: Tensor, dilations: Sequence[int] = DILATIONS) -> Tensor:
    """How alike each pixel and its neighbours are: the weights of ``pamr``.

    Args:
        images: (N, 3, H, W).
        dilations: D distances of the neighbours, in pixels.

    Returns:
        (8 D, N, 1, H, W), which sum up to 1 over the first dimension: for each distance the neighbours row by row.

    """
    differences = torch.stack([neighbour - images for neighbour in _neighbours(images, dilations)])
    count = 9 * len(dilations)  # the pixel itself is there once for every distance, and differs by 0
    variance = (differences.square().sum(0) - differences.sum(0).square() / count) / (count - 1)
    distance = differences.abs_().div_(CONTRAST * variance.clamp_min(0).sqrt() + 1e-8)
    return distance.mean(2, keepdim=True).neg_().softmax(0)


def _neighbours(images: Tensor, dilations: Sequence[int]) -> Iterator[Tensor]:
    """(N, C, H, W) neighbours to the upper left, above, ... to the lower right, at one distance after the other."""
    height, width = images.shape[-2:]
    rim = max(dilations)
    padded = F.pad(images, [rim] * 4, mode='replicate')
    for step in dilations:
        for down in (-step, 0, step):
            for right in (-step, 0, step):
                if down or right:
                    top, left = rim + down, rim + right
                    yield padded[..., top : top + height, left : left + width]
