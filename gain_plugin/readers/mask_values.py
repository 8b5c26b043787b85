"""Masks of others in our numbers: colours, binary masks and numberings of their own."""

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from gain_plugin.masks import UNKNOWN
from gain_plugin.readers.annotations import number_of
from gain_plugin.readers.files import read_text

Pixel = int | tuple[int, int, int]


def read_mask_values(path: Path, classes: Sequence[str]) -> dict[Pixel, int]:
    """What pixels mean, from a CSV with the header ``class,value`` or ``class,red,green,blue``.

    ``background`` and ``unknown`` are classes, too. What is not in the file is an error where a mask has it.

    Args:
        path: the file.
        classes: names in the order of the labels.

    Raises:
        FileNotFoundError: it is not there.
        ValueError: another header, a number beyond 0..255, or an unknown class; names the file and the line.

    """
    rows = list(csv.reader(read_text(path).splitlines(), skipinitialspace=True))
    header = [name.strip().lower() for name in rows[0]] if rows else []
    if header not in (['class', 'value'], ['class', 'red', 'green', 'blue']):
        raise ValueError(f'{path} needs the header class,value or class,red,green,blue, it has {header}')
    values: dict[Pixel, int] = {}
    for line, row in enumerate(rows[1:], 2):
        where = f'{path}, line {line}'
        if not row:
            continue
        numbers = [int(cell) if re.fullmatch('[0-9]{1,3}', cell.strip(' ')) else -1 for cell in row[1:]]
        if len(row) != len(header) or not all(0 <= number <= 255 for number in numbers):
            raise ValueError(f'{where}: {row} needs a class and {len(header) - 1} numbers in 0..255')
        own = {'background': 0, 'unknown': UNKNOWN}.get(row[0])
        pixel = numbers[0] if len(numbers) == 1 else (numbers[0], numbers[1], numbers[2])
        values[pixel] = number_of(row[0].strip(), classes, where) + 1 if own is None else own
    return values


def read_mask(path: Path, classes: int, values: Mapping[Pixel, int] | None = None) -> np.ndarray:
    """A mask (H, W) uint8 in our numbers: 0 background, c + 1 for class c, 255 unknown.

    Args:
        path: a picture.
        classes: K.
        values: what its pixels mean; our own numbers if None.

    Raises:
        ValueError: it cannot be read, is of a mode or has a value that the numbers do not know; names the file.

    """
    colours = values is not None and any(isinstance(pixel, tuple) for pixel in values)
    try:
        with Image.open(path) as image:
            if not colours and image.mode not in ('P', 'L', '1'):
                raise ValueError(f'{path} has the mode {image.mode}, not 8 bit: say what its colours mean')
            pixels = np.array(image.convert('RGB') if colours else image)
            pixels = pixels.astype(np.uint8) * (255 if image.mode == '1' and not colours else 1)
    except OSError as error:
        raise ValueError(f'cannot read {path}: {error}') from error
    if values is None:
        return _check(path, pixels, classes)
    return _translate(path, pixels, values)


def _check(path: Path, mask: np.ndarray, classes: int) -> np.ndarray:
    present = set(np.unique(mask).tolist())
    if present == {0, UNKNOWN}:
        raise ValueError(f'{path} has 0 and 255 alone, and 255 means unknown: say which class it is')
    wrong = sorted(value for value in present if classes < value < UNKNOWN)
    if wrong:
        raise ValueError(f'{path} has the values {wrong}, beyond {classes} classes and 255: say what they mean')
    return mask


def _translate(path: Path, pixels: np.ndarray, values: Mapping[Pixel, int]) -> np.ndarray:
    """Each pixel by its colour or number."""
    flat = pixels.reshape(*pixels.shape[:2], -1).astype(np.uint32)
    weights = 256 ** np.arange(flat.shape[2], dtype=np.uint32)[::-1]
    present, inverse = np.unique(flat @ weights, return_inverse=True)
    known = {int(np.dot(np.atleast_1d(pixel), weights)): value for pixel, value in values.items()}
    wrong = [int(code) for code in present if int(code) not in known]
    if wrong:
        shown = [_pixel(code) if flat.shape[2] == 3 else code for code in wrong[:5]]
        raise ValueError(f'{path} has {len(wrong)} values without a meaning, as {shown}: add them, or mend the mask')
    return np.array([known[int(code)] for code in present], np.uint8)[inverse.reshape(pixels.shape[:2])]


def _pixel(code: int) -> tuple[int, ...]:
    return tuple(code >> shift & 255 for shift in (16, 8, 0))
