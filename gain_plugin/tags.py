"""Image-level labels from a table, in the forms that spreadsheets and exports have, or from ``cls_labels.npy``."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from gain_plugin.label_vectors import read_vectors
from gain_plugin.lists import read_text
from gain_plugin.photos import without_extension
from gain_plugin.tag_names import TagNames

ID_COLUMNS = (
    'id image imageid img imgid imagename imgname filename filepath file name path imagepath imgpath photo photoname'
).split()
LABEL_COLUMNS = (
    'labels label labelname tags tag tagname classes class classname category categories categoryname'.split()
)
PLURALS = ('labels', 'tags', 'classes', 'categories')
NO_NAME = re.compile(r'(?i)[][{}"]|^\W+$|^(nan|none|null|n/?a)$')
"""A list as Python or JSON has it, a mark alone, or what programs write into an empty cell."""
FLAGS = {'0': False, '1': True, '0.0': False, '1.0': True, 'false': False, 'true': True}


class Tags:
    """The labels of images, by id.

    Args:
        path: of the file they are from.
        labels: indices of its classes for each image.

    """

    def __init__(self, path: Path, labels: dict[str, tuple[int, ...]]) -> None:
        self.path = path
        self.labels = labels

    def find(self, name: str) -> tuple[int, ...] | None:
        """Indices of the classes of an image, ascending; None if it has no row.

        An extension may lack here or in the file; ValueError if several images may be meant.
        """
        name = _clean(name)
        if name in self.labels:
            return self.labels[name]
        if without_extension(name) in self.labels:
            return self.labels[without_extension(name)]
        whole = self._by_stem.get(name, ())
        if len(whole) > 1:
            raise ValueError(f'{self.path}: {name!r} may be any of {list(whole)}: write the extension in the list')
        return self.labels[whole[0]] if whole else None

    @cached_property
    def _by_stem(self) -> dict[str, tuple[str, ...]]:
        stems: dict[str, tuple[str, ...]] = {}
        for key in self.labels:
            stem = without_extension(key)
            stems[stem] = (*stems.get(stem, ()), key)
        return stems


def read_tags(path: Path, classes: Sequence[str], others: Iterable[str] = ()) -> Tags:
    """Read a table in UTF-8 whose first row names the columns.

    Columns are separated by ``,`` ``;`` ``|``, tabs or, without one of these, blanks. One is ``id`` (or ``image``,
    ``filename``, ...): an image's path as the list has it, with or without extension. Then there is either

    * ``labels`` (or ``label``, ``tags``, ``class``, ...): names of classes with blanks, ``,`` ``;`` or ``|`` between,
      and in the columns behind; several rows of an image are added up;
    * or a column a class, with 0 or 1, false or true.

    An image with an empty cell has no label. A file ``.npy`` is the dict of multi-hot vectors of ``label_vectors``.

    Args:
        path: the file.
        classes: to learn, in the order of the scores.
        others: names that may be there, too, and are no labels.

    Raises:
        FileNotFoundError: no such file.
        ValueError: another form, a name that is none of these, contradicting rows; names the file and the line.

    """
    if path.suffix == '.npy':
        return Tags(path, read_vectors(path, len(classes)))
    rows = _rows(path)
    header, key = _header(path, rows)
    names = TagNames(classes, others)
    columns: _NameColumns | _FlagColumns
    if _label_columns(header, key):
        columns = _NameColumns.of(header, key, names)
    elif set(header) & set(classes):
        columns = _FlagColumns.of(path, header, key, classes, names)
    else:
        raise ValueError(f'{path} needs the columns id and labels, or id and one a class; it has {header}')
    return Tags(path, _merge(rows, key, columns))


def class_names(path: Path) -> tuple[str, ...]:
    """The classes that a table names: its columns of 0 and 1 in their order, or else what its cells say, sorted.

    Cells are split at ``,`` ``;`` or ``|`` where there is one of these, else at blanks, but under a heading as
    ``label`` or ``class`` a cell without marks is one name.

    Raises:
        FileNotFoundError: no such file.
        ValueError: another form than ``read_tags`` reads, or a name that seems to be none.

    """
    rows = _rows(path)
    header, key = _header(path, rows)
    columns = _label_columns(header, key)
    if not columns:
        return tuple(name for index, name in enumerate(header) if index != key)
    cells = [_NameColumns(len(header), columns, TagNames(())).cells(row) for _, row in rows]
    marked = any(len(row) > 1 or re.search('[,;|]', cell) for row in cells for cell in row)
    whole = marked or _kind(header[columns[0]]) not in PLURALS
    split = '[,;|]' if whole else r'\s+'
    names = sorted({name.strip() for row in cells for cell in row for name in re.split(split, cell)} - {''})
    odd = [name for name in names if NO_NAME.search(name)]
    if odd:
        raise ValueError(
            f'{path}: {odd[0]!r} seems to be no class: write names with commas between, and nothing where there is '
            'none; or name the classes'
        )
    return tuple(names)


class _NameColumns(NamedTuple):
    width: int
    columns: list[int]
    names: TagNames

    @classmethod
    def of(cls, header: Sequence[str], key: int, names: TagNames) -> '_NameColumns':
        return cls(len(header), _label_columns(header, key), names)

    def cells(self, row: Sequence[str]) -> list[str]:
        """Those that are not empty, beyond the header too, as in ``a,cat,dog`` below ``id,labels``."""
        named = [row[index] for index in self.columns if index < len(row)]
        return [cell for cell in (*named, *row[self.width :]) if cell]

    def read(self, row: Sequence[str], where: str) -> tuple[int, ...] | None:
        cells = self.cells(row)
        if len(cells) == 1:
            return self.names.read(cells[0], where)
        return tuple(label for cell in cells for label in self.names.read(cell, where)) if cells else None


class _FlagColumns(NamedTuple):
    header: Sequence[str]
    columns: list[int]
    names: TagNames

    @classmethod
    def of(cls, path: Path, header: Sequence[str], key: int, classes: Sequence[str], names: TagNames) -> '_FlagColumns':
        missing = [name for name in classes if name not in header]
        if missing:
            raise ValueError(f'{path} has no column for the classes {missing}')
        columns = [index for index in range(len(header)) if index != key]
        for index in columns:
            names.check(header[index], f'{path}, column {index + 1}')
        return cls(header, columns, names)

    def read(self, row: Sequence[str], where: str) -> tuple[int, ...] | None:
        if len(row) != len(self.header):
            raise ValueError(f'{where}: {len(row)} cells, the first row has {len(self.header)}')
        wrong = [row[index] for index in self.columns if row[index].lower() not in FLAGS]
        if wrong:
            raise ValueError(f'{where}: {wrong} must be 0 or 1; names of classes need a column labels')
        flagged = [self.header[index] for index in self.columns if FLAGS[row[index].lower()]]
        return tuple(label for name in flagged for label in self.names.read(name, where)) if flagged else None


def _merge(
    rows: Iterable[tuple[str, list[str]]], key: int, columns: _NameColumns | _FlagColumns
) -> dict[str, tuple[int, ...]]:
    """Add up the rows of each image; one without labels must be its only one."""
    found: dict[str, tuple[int, ...] | None] = {}
    kept: dict[tuple[int, ...], tuple[int, ...]] = {}  # a million images have few different sets of labels
    for where, row in rows:
        name = _clean(row[key]) if key < len(row) else ''
        if not name:
            raise ValueError(f'{where}: no id in {row}')
        labels = columns.read(row, where)
        if name in found:
            before = found[name]
            if labels is None or before is None or isinstance(columns, _FlagColumns):
                raise ValueError(f'{where}: {name!r} has another row that says something else or the same: keep one')
            labels = (*before, *labels)
        found[name] = labels
    for name, labels in found.items():
        own = labels or ()
        found[name] = kept[own] if own in kept else kept.setdefault(own, tuple(sorted(set(own))))
    return {name: labels or () for name, labels in found.items()}


def _header(path: Path, rows: Iterator[tuple[str, list[str]]]) -> tuple[list[str], int]:
    """The first row, and which of its columns are the ids."""
    _, header = next(rows, ('', []))
    plain = [_plain(name) for name in header]
    key = next((plain.index(name) for name in ID_COLUMNS if name in plain), None)
    if key is None or len(header) < 2:
        raise ValueError(f'{path} needs the columns id and labels, or id and one a class; it has {header}')
    twice = sorted({name for name in header if name and header.count(name) > 1 and _kind(name) not in LABEL_COLUMNS})
    if twice:
        raise ValueError(f'{path} has the columns {twice} more than once: {header}')
    return header, key


def _label_columns(header: Sequence[str], key: int) -> list[int]:
    """Those of names of classes, and those without a name behind them."""
    kinds = [_kind(name) for name in header]
    first = next((index for index, kind in enumerate(kinds) if index != key and kind in LABEL_COLUMNS), len(header))
    behind = range(first, len(header))
    return [index for index in behind if index != key and (kinds[index] in LABEL_COLUMNS or not header[index])]


def _rows(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Where each row is, and its cells without the blanks around them; empty rows are left out."""
    text = read_text(path, 'the table of image-level labels')
    first = text.lstrip('\n').split('\n', 1)[0]
    separator = max(',;\t|', key=first.count)
    if separator not in first:
        separator = ' '
    table = csv.reader(io.StringIO(text, newline=''), delimiter=separator, skipinitialspace=True, strict=True)
    try:
        for row in table:
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield f'{path}, line {table.line_num}', cells
    except csv.Error as error:
        raise ValueError(f'{path}, line {table.line_num}: {error}; is it a CSV?') from error


def _kind(column: str) -> str:
    """What label, label2 and label_3 have in common."""
    return re.sub(r'\d*$', '', _plain(column))


def _plain(column: str) -> str:
    """A name of a column without case, blanks and dashes."""
    return re.sub(r'[\s._-]', '', column.lower())


def _clean(name: str) -> str:
    return name.replace('\\', '/').removeprefix('./')
