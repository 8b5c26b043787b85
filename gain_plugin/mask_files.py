"""Masks as files: what their pixels mean, and reading them."""

from collections.abc import Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gain_plugin.images import open_picture
from gain_plugin.masks import UNKNOWN, VOC_CLASSES, check_classes_fit, is_background, voc_palette

Pixel = int | Sequence[int]
"""A number, or red, green and blue in 0..255."""
Numbering = Sequence[str] | Mapping[str, Pixel] | Sequence[tuple[str, Pixel]]
SPECIAL = ('background', 'unknown')
SHOWN = 5  # values in a message
VOC_COLOURS = np.reshape(voc_palette(), (-1, 3))


class MaskNumbers:
    """What the pixels of a data set's masks mean.

    Args:
        classes: K to learn, in the order of the scores.
        names: names of the values 1, 2, ...; or of each name its value or colour (red, green, blue), as a dict, or as
            pairs where a name has several. There, two names have a meaning of their own: ``background``, 0 or black if
            not given, and ``unknown``, 255 if not given and no class has this value. What is no class to learn is
            background, and so is what is transparent in colours.

    Raises:
        ValueError: a class without a value, a value with two names, numbers beside colours, or what is neither.

    """

    def __init__(self, classes: Sequence[str], names: Numbering) -> None:
        given = _pairs(names)
        missing = [name for name in classes if name not in dict(given)]
        if missing:
            raise ValueError(f'classes {missing} are not among mask_classes {list(dict(given))}')
        check_classes_fit(len(classes))
        self.colours = any(not _is_number(pixel) for _, pixel in given)
        if self.colours and any(_is_number(pixel) for _, pixel in given):
            raise ValueError(f'mask_classes must be all numbers or all colours, got {given}')
        named: dict[int, str] = {}
        for name, pixel in given:
            before = named.setdefault(_code(name, pixel), name)
            if before != name:
                raise ValueError(f'mask_classes gives {[before, name]} one value: each needs its own')
        named.setdefault(0, 'background')
        if not self.colours and 'unknown' not in named.values():
            named.setdefault(UNKNOWN, 'unknown')
        own = {name: index + 1 for index, name in enumerate(classes)}
        self._names = {code: named[code] for code in sorted(named)}
        self._others = dict(given).keys() - {*classes, *SPECIAL}
        self._voc = tuple(name for name, _ in given) == VOC_CLASSES
        self._classes = len(classes) + len(self._others)
        self._codes = np.array(list(self._names), np.int64)
        meant = [own.get(name, UNKNOWN if name == 'unknown' else 0) for name in self._names.values()]
        self._values = np.array(meant, np.uint8)

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

    def describe(self, paths: Sequence[str | Path]) -> str:
        """Which values a few masks have, and which they should: for an error about their numbering."""
        modes, values = set(), set()
        for path in paths:
            with open_picture(path) as picture:
                modes.add(picture.mode)
                values.update(np.unique(self._pixels(picture)).tolist())
        shown = [self._show(value) for value in sorted(values)[:12]]
        meant = [f'{self._show(code)} is {name}' for code, name in self._names.items() if name not in self._others]
        return (
            f'masks as {paths[0]} (mode {"/".join(sorted(modes))}) have the values {shown}, where {", ".join(meant)}. '
            'Say what they are in mask_classes: as [names of 1, 2, ...], or as dict(name=value)'
        )

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
        if picture.mode == 'P' and self._voc:
            _check_palette(picture, pixels)
        if picture.mode == 'F' and not (pixels == np.round(pixels)).all():
            raise ValueError(f'its floats {pixels.min():g} to {pixels.max():g} are no numbers of classes')
        return pixels.astype(np.int64)

    def _show(self, code: int) -> int | tuple[int, ...]:
        return (code >> 16, code >> 8 & 255, code & 255) if self.colours else code

    def _explain(self, wrong: np.ndarray) -> str:
        if self.colours:
            colours = [self._show(code) for code in wrong[:SHOWN].tolist()]
            return f'it has {len(wrong)} colours that mask_classes does not name, as {colours}; JPEG blurs colours'
        values = f'{wrong[:SHOWN].tolist()}{" and more" if len(wrong) > SHOWN else ""}'
        text = f'it has the values {values}, beyond 255 and its {self._classes} classes'
        if wrong.max() > UNKNOWN:
            return f'{text}: these are of 16 bit; say what each means in mask_classes'
        if len(wrong) > 20:
            return f'{text}: it seems to be a picture of grey levels or a JPEG, which blurs values'
        return f'{text}: say what each means in mask_classes'


def _pairs(names: Numbering) -> list[tuple[str, Pixel]]:
    """Of each name its value."""
    if isinstance(names, str):
        raise ValueError(f'mask_classes must be a list of names, got {names!r}')
    if isinstance(names, Mapping):
        return [(name, tuple(pixel) if isinstance(pixel, np.ndarray) else pixel) for name, pixel in names.items()]
    if not all(isinstance(name, str) for name in names):
        return list(names)  # type: ignore[arg-type]
    if any(is_background(str(name)) for name in names):
        raise ValueError(f'mask_classes are the names of 1, 2, ...: leave the background out of {list(names)}')
    return [(str(name), value) for value, name in enumerate(names, 1)]


def _is_number(pixel: object) -> bool:
    return isinstance(pixel, Integral) and not isinstance(pixel, bool)


def _code(name: str, pixel: Pixel) -> int:
    parts: list[Any] = [pixel] if _is_number(pixel) else list(pixel) if isinstance(pixel, Sequence) else []
    highest = 0xFFFF if len(parts) == 1 else 255
    if len(parts) in (1, 3) and all(_is_number(part) and 0 <= part <= highest for part in parts):
        return sum(int(part) << shift for part, shift in zip(reversed(parts), (0, 8, 16), strict=False))
    raise ValueError(f'mask_classes: {name!r} needs a number or three (red, green, blue) in 0..255, got {pixel!r}')


def _colours(picture: Image.Image) -> np.ndarray:
    """(H, W) a number a colour; 0 where it is transparent."""
    red, green, blue, alpha = np.moveaxis(np.asarray(picture.convert('RGBA')).astype(np.int64), 2, 0)
    if not np.isin(alpha, (0, 255)).all():
        raise ValueError('its alpha channel makes pixels half transparent, which has no meaning in a mask')
    return np.where(alpha == 0, 0, red << 16 | green << 8 | blue)


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


def _check_palette(picture: Image.Image, pixels: np.ndarray) -> None:
    """ValueError if the colours are VOC's under other numbers, as programs leave them that write palettes anew."""
    own: np.ndarray = np.reshape(picture.getpalette('RGB') or [], (-1, 3))
    if np.array_equal(own, VOC_COLOURS[: len(own)]):
        return
    known = [*range(len(VOC_CLASSES) + 1), UNKNOWN]
    colours = {tuple(VOC_COLOURS[number].tolist()): number for number in known}
    meant = {value: colours.get(tuple(own[value].tolist())) for value in np.unique(pixels).tolist() if value < len(own)}
    moved = [value for value, number in meant.items() if number not in (value, 0)]  # all black: a palette left empty
    if moved and None not in meant.values():
        raise ValueError(
            f'its value {moved[0]} has the colour that VOC gives to {meant[moved[0]]}: a program has written the '
            'palette anew. Say what the colours mean: mask_classes=dict(name=(red, green, blue), ...)'
        )


def _as_voc(colours: np.ndarray) -> str:
    voc = VOC_COLOURS.tolist()
    numbers = [voc.index(colour) for colour in colours.tolist() if colour in voc]
    return f', which in the palette of VOC are {numbers[:SHOWN]}' if len(numbers) == len(colours) else ''
