"""What is wrong with lists of photos, one line a problem."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import NamedTuple

import numpy as np
from PIL import Image

from gain_plugin.images import ORIENTATION
from gain_plugin.mask_agreement import check_agreement
from gain_plugin.masks import UNKNOWN
from gain_plugin.processes import end_with_parent
from gain_plugin.tagged_photos import Entry, PhotoReader, TaggedPhotos

SHORTEST = 16  # pixels; a shorter side is gone after a network's strides
LONGEST = 10  # times the shorter side; a square crop shows little of what is longer
Track = Callable[[Iterable, int], Iterable]


class Report(NamedTuple):
    """What was found.

    Attributes:
        problems: one sentence each, with the file: what has to be mended.
        notes: what is read right, but is worth knowing.

    """

    problems: list[str]
    notes: list[str]


class Look(NamedTuple):
    """What was seen in one photo: problems, a digest of its pixels, its mode, and whether its EXIF entry turns it."""

    problems: list[str]
    digest: bytes = b''
    mode: str = ''
    turned: bool = False


def check_lists(groups: Mapping[str, Sequence[TaggedPhotos]], workers: int, track: Track) -> Report:
    """Read every file of some lists, in parallel, and say what is wrong.

    Args:
        groups: lists, their labels and their masks, by what they are for, as training and testing: a photo should be in
            one group alone, and the first one should show every class.
        workers: processes.
        track: called with the results and how many there will be; gives them on, and may show how far it is.

    """
    report = Report([], [])
    seen: dict[bytes, tuple[str, Entry]] = {}
    for group, lists in groups.items():
        shown: set[int] = set()
        for photos in lists:
            entries, looks = _look_at(photos, workers, track, report)
            problems = [problem for look in looks for problem in look.problems]
            report.problems.extend(problems)
            report.notes.extend(_notes(photos, entries, looks))
            shown.update(label for entry in entries for label in entry.labels)
            for entry, look in zip(entries, looks, strict=True):
                if look.digest:
                    _compare(group, entry, seen.setdefault(look.digest, (group, entry)), report)
            if not problems:
                _check_numbering(photos, entries, report)
        unseen = [name for label, name in enumerate(lists[0].classes) if label not in shown]
        if unseen:
            where = report.problems if group == next(iter(groups)) else report.notes
            where.append(f'{group}: no photo shows the classes {unseen}')
    return report


def check_entry(reader: PhotoReader, entry: Entry) -> Look:
    """Read one photo and its mask."""
    try:
        image, mask = reader.read(entry)
        with Image.open(entry.image) as picture:
            mode, turned = picture.mode, picture.getexif().get(ORIENTATION, 1) > 1
    except (OSError, ValueError) as error:
        return Look([str(error)])
    problems = []
    height, width = image.shape[:2]
    if min(height, width) < SHORTEST:
        problems.append(f'{entry.image} is {height} x {width} pixels: a side is below {SHORTEST}')
    elif max(height, width) > LONGEST * min(height, width):
        problems.append(f'{entry.image} is {height} x {width} pixels, more than {LONGEST} to 1: cut it into parts')
    if entry.mask and mask is not None and entry.labels:
        shown = set(np.unique(mask).tolist()) - {0, UNKNOWN}
        if shown and not shown & {label + 1 for label in entry.labels}:
            problems.append(f'{entry.mask} shows none of the classes that its photo is tagged with')
    digest = hashlib.blake2b(image.tobytes(), digest_size=16, key=f'{height} {width}'.encode()).digest()
    return Look(problems, digest, mode, turned)


def _look_at(photos: TaggedPhotos, workers: int, track: Track, report: Report) -> tuple[list[Entry], list[Look]]:
    entries = []
    for name in photos.names:
        try:
            entries.append(photos.entry(name))
        except (OSError, ValueError) as error:
            report.problems.append(str(error))
    with ProcessPoolExecutor(workers, initializer=end_with_parent) as pool:
        looks = pool.map(partial(check_entry, photos.reader), entries, chunksize=8)
        return entries, list(track(looks, len(entries)))


def _compare(group: str, entry: Entry, before: tuple[str, Entry], report: Report) -> None:
    """The same pixels in two photos."""
    first_group, first = before
    if first_group != group:
        report.problems.append(f'{entry.image} of {group} is {first.image} of {first_group}: keep it in one of them')
    elif first.image != entry.image and first.labels != entry.labels:
        report.problems.append(f'{entry.image} is the same photo as {first.image}, with other labels: keep one')
    elif first.image != entry.image:
        report.notes.append(f'{entry.image} is the same photo as {first.image}')


def _notes(photos: TaggedPhotos, entries: Sequence[Entry], looks: Sequence[Look]) -> list[str]:
    notes = [f'{photos.list_file}: {sum(not entry.labels for entry in entries)} of {len(entries)} photos have no label']
    modes = Counter(look.mode for look in looks if look.mode)
    if set(modes) - {'RGB'}:
        notes.append(f'{photos.list_file}: modes of photos, all read as RGB: {dict(modes)}')
    turned = [entry.image for entry, look in zip(entries, looks, strict=True) if look.turned]
    if turned:
        notes.append(
            f'{photos.list_file}: {len(turned)} photos are turned by their EXIF entry, as {turned[0]}: masks and boxes '
            'are taken to be of the upright photo'
        )
    return notes


def _check_numbering(photos: TaggedPhotos, entries: Sequence[Entry], report: Report) -> None:
    try:
        check_agreement(entries, photos.reader.numbers, photos.classes)
    except ValueError as error:
        report.problems.append(str(error))
