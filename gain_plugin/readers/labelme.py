"""LabelMe's JSON files, one a photo."""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gain_plugin.readers.annotations import Annotations, Photo, Region, classes_of, number_of
from gain_plugin.readers.coco import check_outline, enclosing
from gain_plugin.readers.files import check_folder, read_json, size_or_none

IGNORED, BACKGROUND = '__ignore__', '_background_'


def read_labelme(root: Path, classes: Sequence[str] | None = None) -> Annotations:
    """The photo of each ``.json`` in a folder and the folders in it.

    Labels are those of the shapes and the flags that are set. Rectangles and polygons become regions; ``__ignore__`` is
    unknown and ``_background_`` background. A photo with a flag of which no shape is drawn has no regions: they would
    call its object background.

    Args:
        root: the folder; ``imagePath`` is relative to the JSON file.
        classes: names in the order of the labels; sorted by name if None.

    Raises:
        FileNotFoundError: no folder, or no JSON in it.
        ValueError: no JSON of LabelMe, a shape that is neither rectangle nor polygon, a class that is none of
            ``classes``, or a photo outside of ``root``; names the file and the shape.

    """
    check_folder(root)
    paths = sorted(root.rglob('*.json'))
    if not paths:
        raise FileNotFoundError(f'{root} has no JSON file of LabelMe')
    read = {path: _read(path) for path in paths}
    names = {name for content in read.values() for name in (*_drawn(content), *_flagged(content))}
    classes = classes_of(names, classes)
    return Annotations(root, classes, tuple(_photo(path, content, root, classes) for path, content in read.items()))


def _read(path: Path) -> dict[str, Any]:
    content = read_json(path)
    shapes = content.get('shapes') if isinstance(content, dict) else None
    if not isinstance(shapes, list) or not isinstance(content.get('imagePath'), str):
        raise ValueError(f'{path} has no shapes or no imagePath: it is no file of LabelMe')
    for number, shape in enumerate(shapes):
        if not isinstance(shape, dict) or not isinstance(shape.get('label'), str) or not _points(shape.get('points')):
            raise ValueError(f'{path}: shape {number} needs a label and points, as [[x, y], ...]')
        shape['label'] = shape['label'].strip()
    if not isinstance(content.get('flags') or {}, dict):
        raise ValueError(f'{path}: flags must name labels, got {content["flags"]}')
    return content


def _points(points: Any) -> bool:
    pairs = isinstance(points, list) and all(isinstance(point, list) and len(point) == 2 for point in points)
    return pairs and all(isinstance(number, (int, float)) and math.isfinite(number) for one in points for number in one)


def _drawn(content: dict[str, Any]) -> set[str]:
    return {shape['label'] for shape in content['shapes']} - {IGNORED, BACKGROUND}


def _flagged(content: dict[str, Any]) -> set[str]:
    return {name for name, is_set in (content.get('flags') or {}).items() if is_set}


def _photo(path: Path, content: dict[str, Any], root: Path, classes: Sequence[str]) -> Photo:
    photo = Path(os.path.normpath(path.parent / content['imagePath'].replace('\\', '/')))
    if not photo.is_relative_to(os.path.normpath(root)):
        raise ValueError(f'{path}: the photo {content["imagePath"]!r} must be in {root}')
    drawn, flagged = _drawn(content), _flagged(content)
    labels = tuple(sorted(number_of(one, classes, path) for one in drawn | flagged))
    shapes = [shape for shape in content['shapes'] if shape['label'] != BACKGROUND]
    regions = tuple(_region(shape, classes, f'{path}, shape {number}') for number, shape in enumerate(shapes))
    name = photo.relative_to(os.path.normpath(root)).as_posix()
    size = size_or_none(content.get('imageHeight'), content.get('imageWidth'), path)
    return Photo(name, labels, None if flagged - drawn else regions, size=size)


def _region(shape: dict[str, Any], classes: Sequence[str], where: str) -> Region:
    label = None if shape['label'] == IGNORED else number_of(shape['label'], classes, where)
    kind = shape.get('shape_type', 'polygon')
    if kind not in ('polygon', 'rectangle'):
        raise ValueError(f'{where} is a {kind}: draw a polygon or a rectangle instead')
    if kind == 'rectangle' and len(shape['points']) == 2:
        (left, top), (right, bottom) = shape['points']
        return Region(label, (min(left, right), min(top, bottom), max(left, right), max(top, bottom)))
    polygon = [[number for point in shape['points'] for number in point]]
    check_outline(polygon, where)
    return Region(label, enclosing(polygon), None if kind == 'rectangle' else polygon)
