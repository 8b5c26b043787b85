"""YOLO's text files: a line an object, with numbers in 0..1 of the photo's width and height."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gain_plugin.lists import read_text
from gain_plugin.readers.annotations import Annotations, Photo, Region
from gain_plugin.readers.coco import MANY, ROUGHLY, boxes_alone, enclosing
from gain_plugin.readers.files import photo_size, photos_below

BEYOND = 1e-3  # what rounding leaves beyond 1


def read_yolo(root: Path, split: str | None = None) -> Annotations:
    """Every photo, with the boxes or polygons of its text file.

    ``images/train/1.jpg`` has ``labels/train/1.txt``, ``train/images/1.jpg`` has ``train/labels/1.txt``, and where no
    folder is called ``images`` the text is beside the photo. A photo without a text file, or with an empty one, shows
    none of the classes, as YOLO has it.

    Args:
        root: the folder, which has ``data.yaml`` (``names``) or ``classes.txt``.
        split: an entry of ``data.yaml``, as ``'train'``, whose photos are read; all photos if None.

    Raises:
        FileNotFoundError: ``root`` or the folder of a split is not there, or nothing in it names the classes.
        ValueError: a line that is neither a box nor a polygon, a number beyond the classes or beyond 0..1, boxes in
            another form, or no text file at all; names the file and the line.

    """
    settings = _settings(root)
    classes = settings['names']
    texts = {
        path: _label_file(path, root) for folder in _folders(root, settings, split) for path in photos_below(folder)
    }
    photos, without = [], []
    for path, labels in texts.items():
        size = photo_size(path)
        if not labels.is_file():
            without.append(path)
        regions = _read_objects(labels, len(classes), size) if labels.is_file() else ()
        present = sorted({region.label for region in regions if region.label is not None})
        photos.append(Photo(path.relative_to(root).as_posix(), tuple(present), regions, size=size))
    if photos and len(without) == len(photos):
        raise ValueError(f'no photo in {root} has a text file, as {_label_file(without[0], root)}')
    if _are_corners(photos):
        raise ValueError(
            f'{root}: boxes seem to be left, top, right, bottom: YOLO has centre x, centre y, width, height'
        )
    return Annotations(root, classes, tuple(photos), tuple(_notes(root, settings, split, texts, without)))


def _notes(
    root: Path, settings: dict[str, Any], split: str | None, texts: dict[Path, Path], without: list[Path]
) -> Iterator[str]:
    """What was left out or taken for granted."""
    if without:
        yield f'{len(without)} photos without a text file show none of the classes, as {without[0]}'
    folders = {labels.parent for labels in texts.values()}
    known = set(texts.values())
    found = (path for folder in folders for path in folder.glob('*.txt'))
    # LabelImg leaves classes.txt beside them
    alone = sorted(path for path in found if path not in known and path.name != 'classes.txt')
    if alone:
        yield f'{len(alone)} text files have no photo in a format that Pillow reads and were left out, as {alone[0]}'
    if split is None and 'train' in settings and 'val' in settings:
        yield 'data.yaml names train and val, whose photos were mixed: --split train and --split val keep them apart'


def _are_corners(photos: Sequence[Photo]) -> bool:
    """Whether the boxes fit their photos as left, top, right, bottom, all of them, and not as YOLO has them."""
    boxes = boxes_alone(photos)
    beyond = [
        min(left / width, top / height) < -ROUGHLY or max(right / width, bottom / height) > 1 + ROUGHLY
        for (left, top, right, bottom), (height, width) in boxes
    ]
    return sum(beyond) > MANY * len(boxes) and all(
        (left + right) / 2 < right - left and (top + bottom) / 2 < bottom - top
        for (left, top, right, bottom), _ in boxes
    )


def _settings(root: Path) -> dict[str, Any]:
    """``data.yaml`` with ``names`` as a tuple."""
    names, config = root / 'classes.txt', root / 'data.yaml'
    if not config.is_file():
        if not names.is_file():
            raise FileNotFoundError(f'{root} has neither data.yaml nor classes.txt: one must name the classes')
        return {'names': tuple(line.strip() for line in read_text(names).splitlines() if line.strip())}
    import yaml

    try:
        settings = yaml.safe_load(read_text(config))
    except yaml.YAMLError as error:
        raise ValueError(f'cannot read {config}: {error}') from error
    listed = settings.get('names') if isinstance(settings, dict) else None
    if isinstance(listed, dict) and sorted(map(str, listed)) == sorted(map(str, range(len(listed)))):
        listed = [listed.get(number, listed.get(str(number))) for number in range(len(listed))]
    if not isinstance(listed, list) or not listed or any(isinstance(name, bool) or name is None for name in listed):
        raise ValueError(f'{config}: names must list the classes from number 0 on, got {listed!r}; quote yes and no')
    if settings.get('nc', len(listed)) != len(listed):
        raise ValueError(f'{config}: nc is {settings["nc"]}, but names has {len(listed)} classes')
    return {**settings, 'names': tuple(str(name).strip() for name in listed)}


def _folders(root: Path, settings: dict[str, Any], split: str | None) -> list[Path]:
    if split is None or split not in settings:
        return [root]
    entries = settings[split] if isinstance(settings[split], list) else [settings[split]]
    base = str(settings.get('path') or '')
    base = base if (root / base).is_dir() else ''  # path is often where the data were on another machine
    folders = [_folder(root, base, str(entry)) for entry in entries]
    for folder, entry in zip(folders, entries, strict=True):
        if not folder.is_dir() or not folder.is_relative_to(root):
            raise FileNotFoundError(f'{root / "data.yaml"}: {split} must be a folder in {root}, got {entry}')
    return folders


def _folder(root: Path, base: str, entry: str) -> Path:
    folder = Path(os.path.normpath(root / base / entry))
    # some exports write ../train/images for train/images
    return folder if folder.is_dir() else root / base / entry.removeprefix('../')


def _label_file(photo: Path, root: Path) -> Path:
    parts = list(photo.relative_to(root).parts)
    if 'images' in parts[:-1]:
        last = len(parts) - 1 - parts[::-1].index('images')
        parts[last] = 'labels'
    return root.joinpath(*parts).with_suffix('.txt')


def _read_objects(path: Path, classes: int, size: tuple[int, int]) -> tuple[Region, ...]:
    lines = read_text(path).splitlines()
    return tuple(
        _region(line.split(), classes, size, f'{path}, line {number}')
        for number, line in enumerate(lines, 1)
        if line.strip()
    )


def _region(columns: Sequence[str], classes: int, size: tuple[int, int], where: str) -> Region:
    try:
        label, values = int(columns[0]), [float(column) for column in columns[1:]]
    except ValueError as error:
        raise ValueError(f'{where}: {error}') from error
    if not 0 <= label < classes:
        raise ValueError(f'{where}: class {label} is beyond the {classes} classes, which are numbered from 0')
    if not all(0 <= value <= 1 + BEYOND for value in values):
        raise ValueError(f'{where}: numbers must be in 0..1 of the width and the height, got {values}')
    height, width = size
    if len(values) == 4:
        x, y, across, down = values
        edges = (x - across / 2) * width, (y - down / 2) * height, (x + across / 2) * width, (y + down / 2) * height
        return Region(label, edges)
    if len(values) < 6 or len(values) % 2:
        raise ValueError(f'{where}: {len(columns)} columns are neither a box (5) nor a polygon (7, 9, ...)')
    polygon = [value * (height if index % 2 else width) for index, value in enumerate(values)]
    return Region(label, enclosing([polygon]), [polygon])
