"""Masks: 0 background, c + 1 for class c, 255 unknown, in the colours of VOC."""

import re

import numpy as np
import torch
from torch import Tensor

from gain_plugin.transfer import to_device

VOC_CLASSES = tuple(
    'aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person pottedplant sheep '
    'sofa train tvmonitor'.split()
)
"""PASCAL VOC's, in the order of the values 1 to 20."""
UNKNOWN = 255
"""The value of pixels that say nothing."""


def check_classes_fit(classes: int) -> None:
    """Raise a ValueError if so many classes have no number each in a mask."""
    if classes >= UNKNOWN:
        raise ValueError(f'{classes} classes do not fit into masks of 8 bit, where {UNKNOWN} is unknown')


def voc_palette() -> list[int]:
    """The 256 colours of PASCAL VOC: the bits of a number, by turns to red, green and blue, highest first."""
    numbers = np.arange(256)[:, None]
    bits = [((numbers >> (3 * step + np.arange(3))) & 1) << (7 - step) for step in range(8)]
    return np.bitwise_or.reduce(bits).ravel().tolist()


def is_background(name: str) -> bool:
    """Whether a class is what annotation tools call the background: ``background``, ``_background_``, ``bg`` ..."""
    return bool(re.match('back[ _]?ground|bg$', name.strip(' _').lower()))


def pair_masks(masks: Tensor, labels: Tensor, *, ignore_index: int = UNKNOWN) -> Tensor:
    """One mask a positive label, from segmentation masks of whole images.

    Args:
        masks: (N, H, W) integers: 0 background, c + 1 for class c, ``ignore_index`` unknown. An image that has no mask
            is ``ignore_index`` all over. A box is drawn into such a mask as a filled rectangle.
        labels: (N, K) multi-hot image-level labels.
        ignore_index: the value of pixels that are unknown.

    Returns:
        (P, H, W) float32, 1 where the pair's class is, NaN where unknown.

    Raises:
        ValueError: another shape, or a value that is no class.

    """
    if masks.dtype == torch.bool or masks.is_floating_point() or masks.ndim != 3 or len(masks) != len(labels):
        raise ValueError(
            f'masks must be integers (N, H, W) with N = {len(labels)}, got {tuple(masks.shape)} of {masks.dtype}'
        )
    classes = labels.shape[1]
    if masks.device.type == 'cpu' and ((masks != ignore_index) & ((masks < 0) | (masks > classes))).any():
        raise ValueError(f'masks must be 0 (background), 1 to {classes} (class + 1) or {ignore_index} (unknown)')
    image, cls = to_device(labels.nonzero(), masks).unbind(1)
    picked = masks[image]
    hit = (picked == (cls + 1)[:, None, None]).float()
    return hit.masked_fill(picked == ignore_index, torch.nan)


def check_masks(masks: Tensor, labels: Tensor, images: Tensor) -> Tensor:
    """Masks of images or of pairs as (P, H, W) floats in 0..1, NaN where unknown.

    Args:
        masks: (N, H, W) integers as in ``pair_masks``, or (P, H, W) floats in 0..1, one a positive label.
        labels: (N, K) multi-hot image-level labels.
        images: (N, C, H, W).

    Raises:
        ValueError: another size than the images', another type, or values out of range.

    """
    if not isinstance(masks, Tensor):
        raise ValueError(
            f'masks must be a tensor (N, H, W), got a {type(masks).__name__}: an image without one is 255 all over'
        )
    if masks.layout != torch.strided or masks.is_complex():
        raise ValueError(f'masks must be dense integers or floats, got {masks.dtype} of {masks.layout}')
    if masks.ndim != 3 or masks.shape[-2:] != images.shape[-2:]:
        raise ValueError(
            f'masks must have the size of their images, {tuple(images.shape[-2:])}, got {tuple(masks.shape)}'
        )
    if not masks.is_floating_point():
        return pair_masks(masks, labels)
    pairs = int(labels.sum())
    if len(masks) != pairs:
        raise ValueError(f'masks must be one a positive label, {pairs}, got {len(masks)}')
    if masks.device.type == 'cpu' and ((masks < 0) | (masks > 1)).any():
        raise ValueError(
            f'soft masks must be in 0..1, NaN where unknown, got {masks.nan_to_num().min():g} to '
            f'{masks.nan_to_num().max():g}; give numbers of classes as integers (N, H, W)'
        )
    return masks


def check_truth(maps: Tensor, classes: Tensor, truth: Tensor, num_classes: int | None = None) -> None:
    """Raise a ValueError unless an image's maps can be compared with its truth.

    Args:
        maps: (n, H, W) in 0..1.
        classes: (n,) which classes these are of, 0 to K - 1.
        truth: (H, W) integers, 0 background, c + 1 for class c.
        num_classes: K, if it is known.

    """
    if truth.shape != maps.shape[1:]:
        raise ValueError(f'maps {tuple(maps.shape[1:])} and truth {tuple(truth.shape)} differ in size')
    if truth.is_floating_point() or truth.dtype == torch.bool:
        raise ValueError(f'truth must be integers, 0 for background and c + 1 for class c, got {truth.dtype}')
    if classes.shape != maps.shape[:1]:
        raise ValueError(f'need the class of each map, got {tuple(classes.shape)} for {len(maps)} maps')
    if maps.device.type != 'cpu':
        return
    if maps.numel() and not 0 <= maps.min() <= maps.max() <= 1.0001:  # false for NaN
        raise ValueError('maps must be in 0..1: divide each by its maximum, as gain_plugin.normalize_maps does')
    if (truth < 0).any():
        raise ValueError('truth has values below 0: unknown pixels are 255, or another number above K')
    if (classes < 0).any() or (num_classes is not None and (classes >= num_classes).any()):
        last = '' if num_classes is None else f' to {num_classes - 1}'
        raise ValueError(f'classes must be numbers from 0{last}, got {classes.tolist()}')
