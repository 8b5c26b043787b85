"""Regions of an image, each of which is taken to be one thing, as superpixels or the masks that SAM finds by itself."""

import torch
from torch import Tensor


def region_means(maps: Tensor, regions: Tensor) -> Tensor:
    """Maps that are the same all over a region, their average, so that each region takes what most of its map says.

    Args:
        maps: (n, H, W) floating point.
        regions: (H, W) integers, the number of the region of each pixel. Where it is 0, which is no region, maps stay
            as they are. The pixels of a region need not touch.

    Returns:
        (n, H, W) maps of the same type; none leaves its range.

    Raises:
        ValueError: maps and regions of different size.

    """
    if maps.shape[1:] != regions.shape:
        raise ValueError(f'maps {tuple(maps.shape[1:])} and regions {tuple(regions.shape)} differ in size')
    numbers, places = regions.unique(return_inverse=True)
    flat = maps.flatten(1).double()  # a region may have a million pixels
    sums = flat.new_zeros(len(maps), len(numbers)).index_add_(1, places.flatten(), flat)
    means = (sums / places.flatten().bincount())[:, places]
    return torch.where(regions == 0, maps, means.to(maps))
