"""What the pixels of others' masks mean: colours, black and white, and numberings of their own."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from gain_plugin.lists import read_text
from gain_plugin.mask_files import SPECIAL, MaskNumbers, Pixel
from gain_plugin.readers.annotations import number_of


def read_mask_values(path: Path, classes: Sequence[str]) -> MaskNumbers:
    """What pixels mean, from a CSV with the header ``class,value`` or ``class,red,green,blue``.

    ``background`` and ``unknown`` are classes, too. A class may have several rows.

    Args:
        path: the file.
        classes: names in the order of the labels.

    Raises:
        FileNotFoundError: it is not there.
        ValueError: another header, a number out of range, an unknown class or one without a value, or a value twice;
            names the file and the line.

    """
    rows = list(csv.reader(read_text(path, 'the table of mask values').splitlines(), skipinitialspace=True))
    header = [name.strip().lower() for name in rows[0]] if rows else []
    if header not in (['class', 'value'], ['class', 'red', 'green', 'blue']):
        raise ValueError(f'{path} needs the header class,value or class,red,green,blue, it has {header}')
    pairs: list[tuple[str, Pixel]] = []
    for line, row in enumerate(rows[1:], 2):
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        where = f'{path}, line {line}'
        if len(cells) != len(header) or not all(re.fullmatch('[0-9]{1,5}', cell) for cell in cells[1:]):
            raise ValueError(f'{where}: {row} needs a class and {len(header) - 1} numbers in 0..255')
        if cells[0] not in SPECIAL:
            number_of(cells[0], classes, where)
        pairs.append((cells[0], int(cells[1]) if len(cells) == 2 else tuple(map(int, cells[1:]))))
    try:
        return MaskNumbers(classes, pairs)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from error
