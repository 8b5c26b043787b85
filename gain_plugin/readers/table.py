"""Tables: a CSV with a row a photo, a row a label or a column a class, and a folder of masks beside it."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from gain_plugin.readers.annotations import Annotations, Photo, check_name, classes_of, number_of
from gain_plugin.readers.files import find_photo, photos_below, read_text

NAMES = ('id', 'image', 'image_id', 'img', 'filename', 'file_name', 'file', 'name', 'path', 'photo')
LABELS = ('labels', 'label', 'tags', 'tag', 'classes', 'class', 'category')
TRUTH = {'0': False, '1': True, '0.0': False, '1.0': True, 'false': False, 'true': True, '': False}


class Row(NamedTuple):
    """A row with its number in the file, its cells without blanks around them."""

    where: str
    cells: list[str]


def read_table(path: Path, root: Path, classes: Sequence[str] | None = None, masks: Path | None = None) -> Annotations:
    """The photos that a CSV names, with their labels.

    Columns are separated by commas, semicolons, tabs or ``|``. One names the photo (``id``, ``image``, ``filename``,
    ...), with or without extension. Its labels are in a column ``labels`` (``label``, ``tags``, ``class``, ...) and
    those behind it, several of them separated by ``,``, ``;`` or ``|``, or else by blanks, and in further rows of the
    same photo. Without such a column, every other one is a class, with 0 or 1.

    Args:
        path: the file, in UTF-8.
        root: the folder of the photos.
        classes: names in the order of the labels. Sorted by name, or in the order of the columns, if None.
        masks: folder with masks of some photos, under their names.

    Raises:
        FileNotFoundError: a file, a folder or a photo that is not there, or not one mask.
        ValueError: columns that say neither, or a label that is none of ``classes``; names the file and the line.

    """
    header, rows = _read_rows(path)
    name_column = _column(header, NAMES)
    if name_column is None:
        raise ValueError(f'{path}: no column names the photos, as {NAMES[0]} or filename; there are {header}')
    label_column = _column(header, LABELS)
    if label_column is None:
        others = [index for index in range(len(header)) if index != name_column]
        labels = [_marked(row, header, others) for row in rows]
        classes = tuple(header[index] for index in others) if classes is None else classes
    else:
        cells = [[cell for cell in row.cells[label_column:] if cell] for row in rows]
        labels = _split(cells, classes)
        classes = classes_of((label for found in labels for label in found), classes)
    found: dict[str, set[int]] = {}
    for row, own in zip(rows, labels, strict=True):
        name = find_photo(root, check_name(row.cells[name_column], row.where), row.where)
        found.setdefault(name, set()).update(number_of(label, classes, row.where) for label in own)
    drawn = _masks(masks, found) if masks else {}
    photos = (Photo(name, tuple(sorted(own)), mask=drawn.get(name)) for name, own in found.items())
    return Annotations(root, tuple(classes), tuple(photos))


def _read_rows(path: Path) -> tuple[list[str], list[Row]]:
    lines = read_text(path).splitlines()
    separator = max(',;\t|', key=lambda mark: lines[0].count(mark)) if lines else ','
    table = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    rows = [Row(f'{path}, line {table.line_num}', [cell.strip() for cell in cells]) for cells in table]
    rows = [row for row in rows if any(row.cells)]
    if len(rows) < 2 or len(rows[0].cells) < 2:
        raise ValueError(f'{path} needs a header of two columns or more and a row a photo, as id,labels')
    return rows[0].cells, [Row(row.where, row.cells + [''] * (len(rows[0].cells) - len(row.cells))) for row in rows[1:]]


def _column(header: Sequence[str], known: Sequence[str]) -> int | None:
    lower = [name.lower() for name in header]
    return next((lower.index(name) for name in known if name in lower), None)


def _marked(row: Row, header: Sequence[str], columns: Sequence[int]) -> list[str]:
    """Names of the columns that are 1."""
    wrong = [row.cells[index] for index in columns if row.cells[index].lower() not in TRUTH]
    if wrong or len(row.cells) > len(header):
        raise ValueError(f'{row.where}: {wrong or row.cells} is neither 0 nor 1: call the column of labels so')
    return [header[index] for index in columns if TRUTH[row.cells[index].lower()]]


def _split(cells: Sequence[Sequence[str]], classes: Sequence[str] | None) -> list[list[str]]:
    """Labels of each row: a cell that is a class is one, others are split."""
    marks = any(re.search(r'[,;|]', cell) or len(row) > 1 for row in cells for cell in row)
    pattern = r'[,;|]' if marks else r'\s+'
    return [
        [
            label.strip()
            for cell in row
            for label in ([cell] if cell in (classes or ()) else re.split(pattern, cell))
            if label.strip()
        ]
        for row in cells
    ]


def _masks(folder: Path, names: Sequence[str] | dict) -> dict[str, Path]:
    """The mask of each photo that has one."""
    paths = {path.relative_to(folder).with_suffix('').as_posix(): path for path in photos_below(folder)}
    drawn = {name: paths.get(PurePosixPath(name).with_suffix('').as_posix()) for name in names}
    masks = {name: path for name, path in drawn.items() if path is not None}
    if not masks:
        raise FileNotFoundError(f'{folder} has no mask with the name of a photo, as {next(iter(names))}')
    return masks
