"""Lists, tags and masks in the form that ``VOCTagsDataset`` reads."""

import csv
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from PIL import Image

from gain_plugin.files import write_atomically
from gain_plugin.lists import read_list, read_text
from gain_plugin.mask_files import MaskNumbers
from gain_plugin.masks import UNKNOWN, voc_palette
from gain_plugin.photos import without_extension
from gain_plugin.readers.annotations import Annotations, Photo
from gain_plugin.readers.draw import draw_mask
from gain_plugin.readers.files import photo_size


def write_annotations(
    annotations: Annotations,
    out: Path,
    split: str,
    masks: bool = True,
    boxes: bool = False,
    numbers: MaskNumbers | None = None,
) -> dict[str, int]:
    """Write ``<split>.txt``, ``<split>.csv``, ``classes.txt`` and, of photos that have them, masks.

    A mask is a palette PNG in ``masks``, at the photo's name; ``<split>_masks.txt`` lists whose there are.

    Args:
        annotations: of a reader.
        out: the folder; made if it is not there.
        split: name of the list.
        masks: whether to write masks.
        boxes: draw filled boxes, even where there are outlines.
        numbers: what the pixels of masks mean; 0 background, c + 1 for class c, 255 unknown if None.

    Returns:
        How many ``photos``, ``untagged`` photos and ``masks`` there are.

    Raises:
        FileNotFoundError: a photo that is not there.
        ValueError: more classes than a mask holds, other classes in ``classes.txt``, a photo or a mask that cannot be
            read.

    """
    for photo in annotations.photos:
        if not (annotations.root / photo.name).is_file():
            raise FileNotFoundError(
                f'the photo {annotations.root / photo.name} is not there: do the names begin in {annotations.root}?'
            )
    if masks and len(annotations.classes) >= UNKNOWN:
        raise ValueError(f'masks of 8 bit hold {UNKNOWN - 1} classes, there are {len(annotations.classes)}: write none')
    out.mkdir(parents=True, exist_ok=True)
    _write_classes(annotations.classes, out / 'classes.txt')
    masked = list(_write_masks(annotations, out / 'masks', boxes, numbers)) if masks else []
    masked_list = out / f'{split}_masks.txt'
    _write_lines(masked, masked_list) if masked else masked_list.unlink(missing_ok=True)
    _write_lines((photo.name for photo in annotations.photos), out / f'{split}.txt')
    _write_tags(annotations, out / f'{split}.csv')
    untagged = sum(not photo.labels for photo in annotations.photos)
    return {'photos': len(annotations.photos), 'untagged': untagged, 'masks': len(masked)}


def divide(annotations: Annotations, share: float, seed: int = 0) -> tuple[Annotations, Annotations]:
    """Draw a share of the photos, alike among those with the same labels and with masks; the others and these.

    Raises:
        ValueError: a share that leaves one of the two without photos.

    """
    photos = list(annotations.photos)
    random.Random(seed).shuffle(photos)
    photos.sort(key=lambda photo: (photo.mask is None and photo.regions is None, photo.labels))
    steps = [int(index * share) for index in range(len(photos) + 1)]
    drawn = [steps[index] != steps[index + 1] for index in range(len(photos))]
    if not 0 < sum(drawn) < len(photos):
        raise ValueError(
            f'{share:g} of {len(photos)} photos leaves one of two lists empty: give a share within 0 and 1'
        )
    parts = [
        tuple(photo for photo, chosen in zip(photos, drawn, strict=True) if chosen is side) for side in (False, True)
    ]
    rest, chosen = (replace(annotations, photos=tuple(sorted(part, key=lambda one: one.name))) for part in parts)
    return rest, chosen


def listed(annotations: Annotations, path: Path) -> Annotations:
    """The photos of a list, in its order; names may lack the extension.

    Raises:
        FileNotFoundError: no such list.
        ValueError: a name that is no photo, or may be any of several; names the list.

    """
    photos: dict[str, list[Photo]] = {}
    for photo in annotations.photos:
        photos.setdefault(without_extension(photo.name), []).append(photo)
    photos |= {photo.name: [photo] for photo in annotations.photos}  # a whole name says which
    return replace(annotations, photos=tuple(_only(photos.get(name, []), name, path) for name in read_list(path)))


def _only(found: Sequence[Photo], name: str, path: Path) -> Photo:
    if len(found) != 1:
        names = [photo.name for photo in found]
        raise ValueError(f'{path}: {name!r} is {f"any of {names}" if names else "no photo of the source"}')
    return found[0]


def read_classes(path: Path) -> tuple[str, ...]:
    """One name a line; FileNotFoundError if the file is not there."""
    return tuple(line.strip() for line in read_text(path).splitlines() if line.strip())


def _write_classes(classes: Sequence[str], path: Path) -> None:
    if path.is_file() and read_classes(path) != tuple(classes):
        raise ValueError(
            f'{path} has the classes {list(read_classes(path))}, here they are {list(classes)}: use one list'
        )
    _write_lines(classes, path)


def _write_masks(annotations: Annotations, folder: Path, boxes: bool, numbers: MaskNumbers | None) -> Iterator[str]:
    """Write them, and give the names of the photos that have one."""
    numbers = numbers or MaskNumbers(annotations.classes, annotations.classes)
    for photo in annotations.photos:
        path = folder / PurePosixPath(photo.name).with_suffix('.png')
        if _write_mask(photo, annotations, path, boxes, numbers):
            yield photo.name


def _write_mask(photo: Photo, annotations: Annotations, path: Path, boxes: bool, numbers: MaskNumbers) -> bool:
    photo_path = annotations.root / photo.name
    size = photo_size(photo_path)
    if photo.size not in (None, size):
        raise ValueError(
            f'{photo_path} is {size} (height, width), its annotations are for {photo.size}: was it resized or turned?'
        )
    try:
        mask = draw_mask(photo, size, numbers, boxes)
    except ValueError as error:
        raise ValueError(f'cannot draw the mask of {photo_path}: {error}') from error
    if mask is None:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(mask)
    picture.putpalette(voc_palette())
    write_atomically(path, lambda file: picture.save(file, 'PNG'))
    return True


def _write_tags(annotations: Annotations, path: Path) -> None:
    with path.open('w', newline='', encoding='utf-8') as file:
        rows = csv.writer(file, lineterminator='\n')
        rows.writerow(('id', 'labels'))
        for photo in annotations.photos:  # one row a label, as names of classes may have blanks
            rows.writerows((photo.name, annotations.classes[label]) for label in photo.labels)
            if not photo.labels:
                rows.writerow((photo.name, ''))


def _write_lines(lines: Iterable[str], path: Path) -> None:
    path.write_text(''.join(f'{line}\n' for line in lines), 'utf-8')
