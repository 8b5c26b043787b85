"""What is wrong with a data set, one line a problem."""

from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np

from gain_plugin.mask_agreement import check_agreement
from gain_plugin.masks import UNKNOWN
from gain_plugin.tagged_photos import Entry, PhotoReader, TaggedPhotos

SHORTEST = 16  # pixels; a shorter side is gone after a network's strides


def find_problems(photos: TaggedPhotos, workers: int, track: Callable[[Iterable, int], Iterable]) -> list[str]:
    """Read every file of a list, in parallel, and say what is wrong.

    Args:
        photos: the list, its labels and its masks.
        workers: processes.
        track: called with the results and how many there will be; gives them on, and may show how far it is.

    Returns:
        One sentence a problem, with the file.

    """
    entries, problems = [], []
    for name in photos.names:
        try:
            entries.append(photos.entry(name))
        except (OSError, ValueError) as error:
            problems.append(str(error))
    with ProcessPoolExecutor(workers) as pool:
        checked = pool.map(partial(check_entry, photos.reader), entries, chunksize=8)
        problems += [problem for found in track(checked, len(entries)) for problem in found]
    shown = {label for entry in entries for label in entry.labels}
    unseen = [name for index, name in enumerate(photos.classes) if index not in shown]
    if unseen:
        problems.append(f'{photos.list_file}: no image has the classes {unseen}')
    if not problems:
        try:
            check_agreement(entries, photos.reader.numbers, photos.classes)
        except ValueError as error:
            problems.append(str(error))
    return problems


def check_entry(reader: PhotoReader, entry: Entry) -> list[str]:
    """What is wrong with one photo and its mask."""
    try:
        image, mask = reader.read(entry)
    except (OSError, ValueError) as error:
        return [str(error)]
    problems = []
    if min(image.shape[:2]) < SHORTEST:
        problems.append(f'{entry.image} is {image.shape[0]} x {image.shape[1]} pixels: a side is below {SHORTEST}')
    if entry.mask and mask is not None and entry.labels:
        shown = set(np.unique(mask).tolist()) - {0, UNKNOWN}
        if shown and not shown & {label + 1 for label in entry.labels}:
            problems.append(f'{entry.mask} shows none of the classes that its photo is tagged with')
    return problems
