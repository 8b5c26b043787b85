"""Masks as files: what their pixels mean, and reading them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from gain_plugin.images import open_picture
from gain_plugin.masks import UNKNOWN, is_background, voc_palette

Pixel = int | Sequence[int]
"""A number, or red, green and blue in 0..255."""
SHOWN = 5  # values in a message


class MaskNumbers:
    """What the pixels of a data set's masks mean.

    Args:
        classes: K to learn, in the order of the scores.
        names: names of the values 1, 2, ...; or of each name its value or colour (red, green, blue). There, two names
            have a meaning of their own: ``background``, 0 or black if not given, and ``unknown``, 255 if not given and
            no class has this value. What is no class to learn is background.

    Raises:
        ValueError: a class without a value, a value with two names, numbers beside colours, or what is neither.

    """

    def __init__(self, classes: Sequence[str], names: Sequence[str] | Mapping[str, Pixel]) -> None:
        missing = [name for name in classes if name not in names]
        if missing:
            raise ValueError(f'classes {missing} are not among mask_classes {list(names)}')
        if len(classes) >= UNKNOWN:
            raise ValueError(f'{len(classes)} classes do not fit into masks of 8 bit, where {UNKNOWN} is unknown')
        if not isinstance(names, Mapping) and any(is_background(name) for name in names):
            raise ValueError(f'mask_classes are the names of 1, 2, ...: leave the background out of {list(names)}')
        given = dict(names) if isinstance(names, Mapping) else {name: value for value, name in enumerate(names, 1)}
        codes = {name: _code(name, pixel) for name, pixel in given.items()}
        self.colours = any(not isinstance(pixel, int) for pixel in given.values())
        if self.colours and any(isinstance(pixel, int) for pixel in given.values()):
            raise ValueError(f'mask_classes must be all numbers or all colours, got {given}')
        if 0 not in codes.values():
            codes.setdefault('background', 0)
        if not self.colours and UNKNOWN not in codes.values():
            codes.setdefault('unknown', UNKNOWN)
        if len(set(codes.values())) < len(codes):
            twice = [name for name, code in codes.items() if list(codes.values()).count(code) > 1]
            raise ValueError(f'mask_classes gives {twice} one value: each needs its own')
        own = {name: index + 1 for index, name in enumerate(classes)}
        self._classes = len(given.keys() - {'background', 'unknown'})
        self._codes = np.array(sorted(codes.values()), np.int64)
        named = {code: own.get(name, UNKNOWN if name == 'unknown' else 0) for name, code in codes.items()}
        self._values = np.array([named[code] for code in sorted(named)], np.uint8)

    def read(self, path: str | Path) -> np.ndarray:
        """A mask (H, W) uint8: 0 background, c + 1 for class c, 255 unknown; upright, as images are.

        Raises:
            ValueError: it cannot be read or has a value without a meaning; names the file and the values.

        """
        with open_picture(path) as picture:
            pixels = self._pixels(picture)
            places = np.searchsorted(self._codes, pixels).clip(max=len(self._codes) - 1)
            if not (self._codes[places] == pixels).all():
                raise ValueError(self._explain(np.setdiff1d(pixels, self._codes)))
            return self._values[places]

    def raw_values(self, path: str | Path) -> set[int]:
        """The values in the file, before their meaning; of a colour red * 65536 + green * 256 + blue."""
        with open_picture(path) as picture:
            return set(np.unique(self._pixels(picture)).tolist())

    def _pixels(self, picture: Image.Image) -> np.ndarray:
        return _colours(picture) if self.colours else self._numbers(picture)

    def _numbers(self, picture: Image.Image) -> np.ndarray:
        if picture.mode in ('RGB', 'RGBA', 'LA'):
            return _grey(np.asarray(picture))
        if picture.mode == '1' and self._classes != 1:
            raise ValueError(f'its 1 bit cannot tell {self._classes} classes: save it with 8 bit')
        if picture.mode == '1':
            return np.where(np.asarray(picture), self._codes[self._values == 1], 0)
        if picture.mode not in ('L', 'P', 'F') and not picture.mode.startswith('I'):
            raise ValueError(f'a mask cannot have the mode {picture.mode}: save its numbers with 8 bit')
        pixels = np.asarray(picture)
        if picture.mode == 'F' and not (pixels == np.round(pixels)).all():
            raise ValueError(f'its floats {pixels.min():g} to {pixels.max():g} are no numbers of classes')
        return pixels.astype(np.int64)

    def _explain(self, wrong: np.ndarray) -> str:
        if self.colours:
            colours = [(code >> 16, code >> 8 & 255, code & 255) for code in wrong[:SHOWN].tolist()]
            return f'it has {len(wrong)} colours that mask_classes does not name, as {colours}; JPEG blurs colours'
        values = f'{wrong[:SHOWN].tolist()}{" and more" if len(wrong) > SHOWN else ""}'
        text = f'it has the values {values}, beyond 255 and its {self._classes} classes'
        if wrong.max() > UNKNOWN:
            return f'{text}: these are of 16 bit; say which are what in mask_classes'
        if len(wrong) > 20:
            return f'{text}: it seems to be a picture of grey levels or a JPEG, which blurs values'
        return f'{text}: name what each means in mask_classes'


def _code(name: str, pixel: Pixel) -> int:
    if isinstance(pixel, int) and not isinstance(pixel, bool) and 0 <= pixel <= 0xFFFF:
        return pixel
    if (
        not isinstance(pixel, int)
        and len(pixel) == 3
        and all(isinstance(part, int) and 0 <= part <= 255 for part in pixel)
    ):
        red, green, blue = pixel
        return red << 16 | green << 8 | blue
    raise ValueError(f'mask_classes: {name!r} needs a number or three (red, green, blue) in 0..255, got {pixel!r}')


def _colours(picture: Image.Image) -> np.ndarray:
    """(H, W) a number a colour."""
    red, green, blue = np.moveaxis(np.asarray(picture.convert('RGB')).astype(np.int64), 2, 0)
    return red << 16 | green << 8 | blue


def _grey(pixels: np.ndarray) -> np.ndarray:
    """(H, W) the numbers in a grey picture of several channels, the last one opaque if it is alpha."""
    channels = pixels.shape[2]
    if channels in (2, 4) and (pixels[..., -1] != 255).any():
        raise ValueError('its alpha channel makes pixels transparent, which has no meaning in a mask: save 8 bit')
    colours = pixels[..., : 3 if channels > 2 else 1]
    if (colours != colours[..., :1]).any():
        found = np.unique(colours.reshape(-1, 3), axis=0)
        raise ValueError(
            f'it is RGB with {len(found)} colours, as {found[:SHOWN].tolist()}{_as_voc(found)}: give '
            'mask_classes=dict(name=(red, green, blue), ...)'
        )
    return colours[..., 0].astype(np.int64)


def _as_voc(colours: np.ndarray) -> str:
    voc = np.reshape(voc_palette(), (-1, 3)).tolist()
    numbers = [voc.index(colour) for colour in colours.tolist() if colour in voc]
    return f', which in the palette of VOC are {numbers[:SHOWN]}' if len(numbers) == len(colours) else ''
