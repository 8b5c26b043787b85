"""Small pictures as data URIs, so that a page needs no other file."""

import base64
import io

import numpy as np
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from gain_plugin.pictures import COLOUR_MAP

PHOTO_SIDE = 160
MAP_SIDE = 48
LEVELS = 32
"""How many values a drawn map has; more cannot be told apart in this size."""


def photo_uri(photo: np.ndarray) -> str:
    """A photo (H, W, 3) uint8, its long side brought to 160 pixels or fewer, as JPEG."""
    picture = Image.fromarray(photo)
    picture.thumbnail((PHOTO_SIDE, PHOTO_SIDE))
    return _uri(picture, 'JPEG', quality=75)


def map_uri(values: Tensor) -> str:
    """A map (H, W) in 0..1, its long side brought to 48 pixels or fewer, as PNG in the colours of ``overlay``."""
    small = F.interpolate(values[None, None].float(), _size(values, MAP_SIDE), mode='area')[0, 0]
    levels = (small.clamp(0, 1) * (LEVELS - 1)).round().byte().cpu().numpy()
    return _indexed(levels, _palette())


def mask_uri(mask: Tensor) -> str:
    """A mask (H, W) bool, its long side brought to 160 pixels or fewer, as PNG in black and yellow."""
    small = F.interpolate(mask[None, None].float(), _size(mask, PHOTO_SIDE), mode='area')[0, 0]
    return _indexed((small >= 0.5).byte().cpu().numpy(), [0, 0, 0, 255, 233, 69])


def _size(values: Tensor, side: int) -> tuple[int, int]:
    height, width = values.shape
    factor = min(1, side / max(height, width))
    return max(1, round(height * factor)), max(1, round(width * factor))


def _indexed(levels: np.ndarray, palette: list[int]) -> str:
    picture = Image.fromarray(levels)
    picture.putpalette(palette)
    return _uri(picture, 'PNG', optimize=True)


def _palette() -> list[int]:
    from matplotlib import colormaps

    return colormaps[COLOUR_MAP](np.linspace(0, 1, LEVELS), bytes=True)[:, :3].ravel().tolist()


def _uri(picture: Image.Image, form: str, *, quality: int = 75, optimize: bool = False) -> str:
    file = io.BytesIO()
    picture.save(file, form, quality=quality, optimize=optimize)
    return f'data:image/{form.lower()};base64,{base64.b64encode(file.getvalue()).decode()}'
