"""Attention maps for people and other programs: laid over a photo, as boxes, as files."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gain_plugin.localization import area_boxes

COLOUR_MAP = 'viridis'
"""Dark blue for 0 to yellow for 1, ever lighter: told apart by colour-blind readers and on grey prints."""
FORMS = ('npy', 'png')


def overlay(image: np.ndarray, attention: Tensor, opacity: float = 0.6) -> np.ndarray:
    """A photo below its map, dark blue where the map is 0 and yellow where it is 1. Needs matplotlib.

    Example::

        Image.fromarray(overlay(photo, maps[0])).save('map.png')

    Args:
        image: (H, W, 3) uint8 RGB.
        attention: (h, w) in 0..1, brought to (H, W) bilinearly.
        opacity: of the map, in 0..1.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ValueError: an image or a map of another shape or range.

    """
    from matplotlib import colormaps

    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f'the image must be (H, W, 3) uint8, got {image.shape} {image.dtype}')
    heat = colormaps[COLOUR_MAP](resize_map(attention, (image.shape[0], image.shape[1])).numpy())[..., :3] * 255
    return np.round((1 - opacity) * image + opacity * heat).astype(np.uint8)


def map_boxes(attention: Tensor, threshold: float = 0.5, size: tuple[int, int] | None = None) -> Tensor:
    """Boxes of the areas of a map that exceed a threshold, the largest first. Needs SciPy.

    Args:
        attention: (h, w) in 0..1.
        threshold: in 0..1.
        size: height and width that the map is brought to before, bilinearly, as those of the photo.

    Returns:
        (B, 4) int64 left, top, right, bottom in pixels, the last two just outside, one for each 8-connected area.

    Raises:
        ValueError: a map of another shape or range.

    """
    top, left, bottom, right = area_boxes(resize_map(attention, size or tuple(attention.shape)) > threshold).unbind(1)
    order = ((bottom - top) * (right - left)).argsort(descending=True, stable=True)
    return torch.stack([left, top, right, bottom], 1)[order]


def save_maps(folder: str | Path, name: str, maps: Tensor, classes: Sequence[str], form: str = 'npy') -> list[Path]:
    """Write each map to a file ``<name>.<class>.npy`` or ``.png``; what files cannot be called is an underscore.

    Args:
        folder: is made if it is not there.
        name: of the photo, without extension.
        maps: (n, H, W) in 0..1.
        classes: (n,) names of their classes.
        form: ``'npy'``, float32 (H, W) in 0..1, or ``'png'``, grey with 255 for 1, which needs Pillow.

    Returns:
        The paths, one a map.

    Raises:
        ValueError: another form, or another number of maps than of classes.

    """
    if form not in FORMS:
        raise ValueError(f'form must be one of {FORMS}, got {form!r}')
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f'{name}.{file_name(one)}.{form}' for one in classes]
    for path, own in zip(paths, maps.detach().cpu().float(), strict=True):
        if form == 'npy':
            np.save(path, own.numpy())
        else:
            from PIL import Image

            Image.fromarray((own * 255).round().to(torch.uint8).numpy()).save(path)
    return paths


def file_name(name: str) -> str:
    """A class's name as part of a file's: letters, digits, dots, dashes and underscores."""
    return re.sub(r'[^\w.-]+', '_', name).strip('_.') or '_'


def resize_map(attention: Tensor, size: tuple[int, ...]) -> Tensor:
    """A map (h, w) on the CPU, brought to ``size`` bilinearly; a ValueError if it is none."""
    attention = torch.as_tensor(attention).detach().cpu().float()
    if attention.ndim != 2:
        raise ValueError(f'a map must be (h, w), got {tuple(attention.shape)}: take one of the maps (P, h, w)')
    if attention.numel() == 0 or not 0 <= attention.min() <= attention.max() <= 1.0001:  # false for NaN
        raise ValueError('a map must be in 0..1: divide it by its maximum, as gain_plugin.normalize_maps does')
    return F.interpolate(attention[None, None], size, mode='bilinear')[0, 0].clamp(0, 1)
