"""COCO's JSON of instances: boxes, polygons and run-length codes."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gain_plugin.masks import is_background
from gain_plugin.readers.annotations import Annotations, Photo, Region, check_name
from gain_plugin.readers.files import read_json, size_or_none

ROUGHLY = 0.02  # of a side: how far boxes of careful tools reach beyond the photo
MANY = 0.2  # of the boxes: as many reach further where they are corners in truth


def read_coco(path: Path, root: Path | None = None) -> Annotations:
    """Every photo of the file, with what is annotated on it.

    A photo's labels are the classes of all its objects, crowded ones too, but a crowd's pixels are unknown. Classes are
    the categories in the order of their ids, without one called background. ``iscrowd`` and ``area`` may lack.

    Args:
        path: ``instances_*.json`` or what annotation tools export in this form.
        root: the folder that ``file_name`` is relative to; the folder of ``path`` if None.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no JSON, a part that lacks, ids twice, an annotation of an unknown photo or category, a box or an
            outline that is none, an outline beside its box, or boxes in another form; names the file and the
            annotation.

    """
    content = read_json(path)
    missing = {'images', 'annotations', 'categories'} - set(content if isinstance(content, dict) else ())
    if missing:
        raise ValueError(f'{path} has no {", ".join(sorted(missing))}: give an instances_*.json of COCO')
    every = _by_id(content, 'categories', 'name', path)
    categories = {key: entry for key, entry in every.items() if not is_background(_name(entry, path))}
    images = _by_id(content, 'images', 'file_name', path)
    labels = {key: label for label, key in enumerate(sorted(categories, key=lambda key: (isinstance(key, str), key)))}
    regions: dict[int | str, list[Region]] = defaultdict(list)
    present: dict[int | str, set[int]] = defaultdict(set)
    for annotation in _entries(content, 'annotations', path):
        where = f'{path}, annotation {annotation.get("id")}'
        image = _known(annotation, 'image_id', images, where)
        category = _known(annotation, 'category_id', every, where)
        if category not in categories:
            continue
        label = labels[category]
        present[image].add(label)
        regions[image].append(_region(annotation, label, where))
    if regions and all(max(region.box) <= 1 for found in regions.values() for region in found):
        raise ValueError(f'{path}: all boxes are within one pixel: are they in 0..1 of the photo? COCO has pixels')
    photos = tuple(
        Photo(
            check_name(image['file_name'], path),
            tuple(sorted(present[key])),
            tuple(regions[key]),
            size=size_or_none(image.get('height'), image.get('width'), f'{path}, image {key}'),
        )
        for key, image in images.items()
    )
    if _are_corners(photos):
        raise ValueError(f'{path}: boxes seem to be left, top, right, bottom: COCO has left, top, width, height')
    return Annotations(root or path.parent, tuple(_name(categories[key], path) for key in labels), photos)


def _entries(content: Mapping[str, Any], key: str, path: Path) -> list[dict[str, Any]]:
    entries = content[key]
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f'{path}: {key} must be a list of objects')
    return entries


def _by_id(content: Mapping[str, Any], key: str, wanted: str, path: Path) -> dict[int | str, dict[str, Any]]:
    found: dict[int | str, dict[str, Any]] = {}
    for entry in _entries(content, key, path):
        own = entry.get('id')
        if not isinstance(own, (int, str)) or wanted not in entry:
            raise ValueError(f'{path}: each of the {key} needs id and {wanted}, got {entry}')
        if own in found:
            raise ValueError(f'{path}: the id {own} of {key} is there twice')
        found[own] = entry
    return found


def _known(annotation: Mapping[str, Any], key: str, known: Mapping, where: str) -> int | str:
    value = annotation.get(key)
    if not isinstance(value, (int, str)) or value not in known:
        raise ValueError(f'{where}: {key} {value!r} is not in the file: remove the annotation, or add what it means')
    return value


def boxes_alone(photos: Sequence[Photo]) -> list[tuple[tuple[float, float, float, float], tuple[int, int]]]:
    """Boxes of what has no outline, each with the height and width of its photo, where these are known."""
    return [
        (region.box, photo.size)
        for photo in photos
        if photo.size
        for region in photo.regions or ()
        if region.outline is None
    ]


def _are_corners(photos: Sequence[Photo]) -> bool:
    """Whether the boxes fit their photos as left, top, right, bottom, all of them, and not as COCO has them."""
    boxes = boxes_alone(photos)
    beyond = [
        right > (1 + ROUGHLY) * width or bottom > (1 + ROUGHLY) * height
        for (_, _, right, bottom), (height, width) in boxes
    ]
    return sum(beyond) > MANY * len(boxes) and all(
        left < right - left <= width and top < bottom - top <= height
        for (left, top, right, bottom), (height, width) in boxes
    )


def _name(category: Mapping[str, Any], path: Path) -> str:
    if not isinstance(category['name'], str):
        raise ValueError(f'{path}: the name of category {category["id"]} must be text, got {category["name"]!r}')
    return category['name'].strip()


def _region(annotation: Mapping[str, Any], label: int, where: str) -> Region:
    outline = annotation.get('segmentation') or None
    box = annotation.get('bbox') or None
    if outline is not None:
        check_outline(outline, where)
        if isinstance(box, list) and _numbers(box) and not any(box):
            box = None  # some tools leave zeros beside an outline
    if box is not None:
        edges = _corners(box, where)
        if isinstance(outline, list) and outline and _apart(edges, enclosing(outline)):
            raise ValueError(f'{where}: its outline is beside its bbox {box}: are both in pixels of the same photo?')
    elif outline is None:
        raise ValueError(f'{where}: neither bbox nor segmentation')
    else:
        edges = enclosing(outline) if isinstance(outline, list) else _corners(_box_of_code(outline), where)
    return Region(None if annotation.get('iscrowd') else label, edges, outline)


def _corners(box: Any, where: str) -> tuple[float, float, float, float]:
    if not _numbers(box) or len(box) != 4 or min(box[2:]) < 0:
        raise ValueError(f'{where}: bbox must be left, top, width, height in pixels, got {box}')
    left, top, width, height = box
    return left, top, left + width, top + height


def _apart(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two boxes of left, top, right, bottom are a pixel or more from each other."""
    gaps = (max(one[axis], other[axis]) - min(one[axis + 2], other[axis + 2]) for axis in (0, 1))
    return max(gaps) >= 1


def check_outline(outline: Any, where: object) -> None:
    """ValueError, which names ``where``, unless these are polygons or a run-length code as COCO has them."""
    if isinstance(outline, dict):
        _check_code(outline, where)
    elif not isinstance(outline, list) or not all(
        _numbers(one) and len(one) >= 6 and len(one) % 2 == 0 for one in outline
    ):
        raise ValueError(f'{where}: a polygon must be a list x1, y1, x2, y2, ... of three points or more')


def _check_code(code: dict[str, Any], where: object) -> None:
    size, counts = code.get('size'), code.get('counts')
    if not isinstance(size, list) or len(size) != 2 or not all(isinstance(side, int) and side > 0 for side in size):
        raise ValueError(f'{where}: size of a run-length code must be height and width, got {size}')
    if isinstance(counts, list):
        if not all(isinstance(count, int) and count >= 0 for count in counts) or sum(counts) != size[0] * size[1]:
            raise ValueError(f'{where}: a run-length code must count all {size[0] * size[1]} pixels')
    elif not isinstance(counts, str):
        raise ValueError(f'{where}: counts of a run-length code must be a list or text, got {counts!r}')


def run_length(outline: list[list[float]] | dict, size: tuple[int, int]) -> dict:
    """Polygons or a run-length code as the compressed code of pycocotools."""
    try:
        from pycocotools import mask as coco
    except ImportError as error:
        raise ImportError("outlines need pycocotools: pip install 'gain_plugin[coco]'") from error
    if isinstance(outline, list):
        return coco.merge(coco.frPyObjects(outline, *size))
    return coco.frPyObjects(outline, *size) if isinstance(outline['counts'], list) else outline


def enclosing(polygons: Sequence[Sequence[float]]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of the box around polygons."""
    across, down = ([number for one in polygons for number in one[axis::2]] for axis in (0, 1))
    return min(across), min(down), max(across), max(down)


def _box_of_code(code: dict) -> list[float]:
    from pycocotools import mask as coco

    return coco.toBbox(run_length(code, code['size'])).tolist()


def _numbers(values: Any) -> bool:
    return isinstance(values, (list, tuple)) and all(
        isinstance(value, (int, float)) and math.isfinite(value) for value in values
    )
