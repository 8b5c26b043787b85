"""PASCAL VOC's XML files, and VOC 2012 with SBD's masks."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path

from gain_plugin.lists import read_text
from gain_plugin.masks import VOC_CLASSES
from gain_plugin.readers.annotations import Annotations, Photo, Region, classes_of, number_of
from gain_plugin.readers.files import check_folder, find_photo

Box = tuple[float, float, float, float]


def read_voc(root: Path, classes: Sequence[str] | None = None) -> Annotations:
    """The photo of each ``.xml``, with its boxes; difficult objects count.

    Args:
        root: a folder with ``Annotations`` and ``JPEGImages``, or one with each XML file beside its photo.
        classes: names in the order of the labels; sorted by name if None.

    Raises:
        FileNotFoundError: no folder, no XML file in it, or a photo that is not there.
        ValueError: no XML, an object without a name or a box, a class that is none of ``classes``; names the file.

    """
    check_folder(root)
    folder = root / 'Annotations' if (root / 'Annotations').is_dir() else root
    paths = sorted(folder.rglob('*.xml'))
    if not paths:
        raise FileNotFoundError(f'{folder} has no XML file: give the folder with Annotations and JPEGImages')
    read = {path: read_xml(path) for path in paths}
    classes = classes_of((name for objects, _ in read.values() for name, _ in objects), classes)
    return Annotations(root, classes, tuple(_photo(path, root, folder, classes, *read[path]) for path in paths))


def read_voc_sbd(root: Path, sbd: Path, split: str) -> Annotations:
    """VOC 2012 with the masks of SBD (Hariharan et al., ICCV 2011), both as they are after unpacking.

    Masks are VOC's own where VOC has one, else SBD's. Labels are the classes of VOC's annotated objects.

    Args:
        root: ``VOCdevkit/VOC2012``.
        sbd: ``benchmark_RELEASE/dataset``, with ``cls/*.mat``, ``train.txt`` and ``val.txt``.
        split: ``'val'``: VOC's 1,449 photos; ``'train'``: VOC's ``train`` and all of SBD's that are not in ``val``,
            10,582 photos.

    Raises:
        FileNotFoundError: a list, mask, annotation or photo that is not there.
        ValueError: another split, or a file that cannot be read; names the file.

    """
    if split not in ('train', 'val'):
        raise ValueError(f"split must be 'train' or 'val', got {split!r}")
    lists = root / 'ImageSets/Segmentation'
    own = {name: _read_list(lists / f'{name}.txt') for name in ('train', 'val')}
    names = set(own[split])
    if split == 'train':
        names |= {*_read_list(sbd / 'train.txt'), *_read_list(sbd / 'val.txt')} - set(own['val'])
    return Annotations(root, VOC_CLASSES, tuple(_masked(root, sbd, name) for name in sorted(names)))


def _masked(root: Path, sbd: Path, name: str) -> Photo:
    objects = root / f'Annotations/{name}.xml'
    photo = find_photo(root, f'JPEGImages/{name}.jpg', 'the list of VOC and SBD')
    labels = {number_of(found, VOC_CLASSES, objects) for found, _ in read_xml(objects)[0]}
    masks = (root / f'SegmentationClass/{name}.png', sbd / f'cls/{name}.mat')
    mask = next((path for path in masks if path.is_file()), None)
    if mask is None:
        raise FileNotFoundError(f'{name} has neither the mask {masks[0]} nor {masks[1]}')
    return Photo(photo, tuple(sorted(labels)), None, mask)


def read_xml(path: Path) -> tuple[list[tuple[str, Box]], tuple[int, int] | None]:
    """Name and box of each object, boxes from the photo's corner at (0, 0), and the height and width of the photo."""
    try:
        content = ElementTree.parse(path)
        height, width = (int(content.findtext(f'size/{side}') or 0) for side in ('height', 'width'))
    except (OSError, ElementTree.ParseError, ValueError) as error:
        raise ValueError(f'cannot read {path}: {error}') from error
    objects = [
        _read_object(found, f'{path}, object {number}') for number, found in enumerate(content.findall('object'), 1)
    ]
    return objects, (height, width) if height and width else None


def _read_object(found: ElementTree.Element, where: str) -> tuple[str, Box]:
    name = (found.findtext('name') or '').strip()
    if not name:
        raise ValueError(f'{where}: no name')
    edges = [found.findtext(f'bndbox/{edge}', '') for edge in ('xmin', 'ymin', 'xmax', 'ymax')]
    try:
        left, top, right, bottom = map(float, edges)
    except ValueError as error:
        raise ValueError(f'{where}: bndbox must have xmin, ymin, xmax and ymax in pixels, got {edges}') from error
    if not (left <= right and top <= bottom):
        raise ValueError(f'{where}: the box {edges} ends before it begins')
    return name, (left - 1, top - 1, right, bottom)  # VOC counts pixels from 1, the last included


def _photo(
    path: Path,
    root: Path,
    folder: Path,
    classes: Sequence[str],
    objects: Sequence[tuple[str, Box]],
    size: tuple[int, int] | None,
) -> Photo:
    photos = 'JPEGImages/' if (root / 'JPEGImages').is_dir() else ''
    name = find_photo(root, photos + path.relative_to(folder).with_suffix('').as_posix(), path)
    labels = [number_of(cls, classes, path) for cls, _ in objects]
    regions = tuple(Region(label, box) for label, (_, box) in zip(labels, objects, strict=True))
    return Photo(name, tuple(sorted(set(labels))), regions, size=size)


def _read_list(path: Path) -> list[str]:
    return read_text(path).split()
