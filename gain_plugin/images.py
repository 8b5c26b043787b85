"""Pictures as arrays: one reader for all who look at an image, so that all see the same pixels."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

ORIENTATION = 0x0112  # of EXIF; 1 is upright
FULL_16_BIT = 65535
LEAST_16_BIT = 4096
"""A maximum below this is that of 12 bits or fewer, which would be almost black."""


def read_image(path: str | Path, content: bytes | None = None) -> np.ndarray:
    """An image (H, W, 3) uint8 RGB, upright as its EXIF entry says.

    Grey images of 16 bit are scaled from 0..65535; those of floats from 0..1, or taken as they are in 0..255. What is
    transparent is dropped; of several pages the first is read.

    Args:
        path: of the file, or what errors call it where its content is given.
        content: of the file, encoded.

    Raises:
        ValueError: it is not there, cannot be read whole, or has values in no known range; names the file.

    """
    with open_picture(path, content) as picture:
        if picture.mode == 'F' or picture.mode.startswith('I'):
            return np.repeat(_to_8_bit(np.asarray(picture))[..., None], 3, 2)
        if picture.mode in ('P', 'PA'):
            picture = picture.convert('RGBA')  # its palette may have transparent colours
        return np.asarray(picture.convert('RGB'))


@contextmanager
def open_picture(path: str | Path, content: bytes | None = None) -> Iterator[Image.Image]:
    """A picture, decoded and upright; whatever is wrong with it or its pixels becomes a ValueError with its name."""
    try:
        with Image.open(path if content is None else BytesIO(content)) as picture:
            yield ImageOps.exif_transpose(picture)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(f'{path} is too large: {error}. Cut it into tiles') from error
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from error
    except UnidentifiedImageError as error:  # whose text has the object that was read, not the path
        raise ValueError(f'cannot read {path}: it is no picture of a format that Pillow knows') from error
    except Exception as error:  # Pillow's plug-ins raise whatever a damaged file leads to
        raise ValueError(f'cannot read {path}: {error}') from error


def _to_8_bit(grey: np.ndarray) -> np.ndarray:
    lowest, highest = grey.min(), grey.max()
    if grey.dtype.kind != 'f':
        if lowest < 0 or (highest and not LEAST_16_BIT <= highest <= FULL_16_BIT):
            raise ValueError(
                f'its values {lowest} to {highest} are not those of 16 bit, 0 to {FULL_16_BIT}: save it with 8 bit'
            )
        return np.round(grey / (FULL_16_BIT / 255)).astype(np.uint8)
    if not 0 <= lowest <= highest <= 255:  # false for NaN
        raise ValueError(f'its values {lowest:g} to {highest:g} are neither in 0..1 nor in 0..255: save it with 8 bit')
    return np.round(grey * (255 if highest <= 1 else 1)).astype(np.uint8)
