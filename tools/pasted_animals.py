"""Sheep and horses cut out of photos and pasted on meadows and rooms: a background that gives the label away.

As Waterbirds (Sagawa et al., ICLR 2020) pastes birds on land and water. In training a sheep is on a meadow and a horse
in a room 95 times of 100; in testing each is on either as often. Meadows are parts of photos of cows, rooms of those of
cats, where there is no object; some of either are neither. Tests have other photos than trainings, for both.
The folder of photos is that of ``docs/evidence.md``; nothing is written.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gain_plugin.images import read_image
from gain_plugin.lists import read_list
from gain_plugin.mask_files import MaskNumbers
from gain_plugin.masks import VOC_CLASSES
from gain_plugin.tags import read_tags

ROOT = Path(os.environ.get('VOC_ANIMALS', '../shared/voc_animals'))
FOLDER = ROOT / 'VOCdevkit/VOC2012'
MASKS = MaskNumbers(VOC_CLASSES, VOC_CLASSES)
ANIMALS = ('sheep', 'horse')
PLACES = ('cow', 'cat')  # whose photos have the meadows and the rooms
ALIGNED = 0.95
LEAST = 60  # pixels: shorter side of a cut-out's box, and of a background
GROUPS = tuple(f'{animal} {place}' for animal in ANIMALS for place in ('on a meadow', 'in a room'))


@dataclass
class Pasted:
    """N composed images."""

    images: Tensor
    """(N, 3, S, S) uint8."""
    labels: Tensor
    """(N,) int64: 0 sheep, 1 horse."""
    places: Tensor
    """(N,) int64: 0 meadow, 1 room."""
    masks: Tensor
    """(N, S, S) uint8: 0 background, label + 1 where the animal is."""

    @property
    def groups(self) -> Tensor:
        """(N,) int64: places in ``GROUPS``."""
        return 2 * self.labels + self.places


def splits() -> dict[str, list[str]]:
    """Ids of the photos to train on, to hold out, a fifth of them, and to test on, VOC's own train and val."""
    lists = {name: read_list(FOLDER / f'ImageSets/Segmentation/{name}.txt') for name in ('train_aug', 'train', 'val')}
    tested = {*lists['train'], *lists['val']}
    others = [photo for photo in lists['train_aug'] if photo not in tested]
    held_out = others[::5]
    return {
        'train': [photo for photo in others if photo not in set(held_out)],
        'held_out': held_out,
        'test': sorted(tested),
    }


def paste(photos: list[str], count: int, aligned: float, side: int, seed: int) -> Pasted:
    """Compose ``count`` images of ``side`` x ``side``, as many of sheep as of horses.

    Args:
        photos: ids to take animals and backgrounds from.
        count: how many images.
        aligned: share of each class's images that are on the background of the class.
        side: S.
        seed: which animals and backgrounds are drawn, and where and how large an animal is.

    """
    random = np.random.default_rng(seed)
    shown = read_tags(ROOT / 'image_level_labels.csv', VOC_CLASSES).labels
    animals = [_usable(photos, shown, animal, cut_out) for animal in ANIMALS]
    places = [_usable(photos, shown, place, background) for place in PLACES]
    parts = []
    for label in range(2):
        for index in range(count // 2):
            place = label if index < round(aligned * (count // 2)) else 1 - label
            animal, ground = (some[random.integers(len(some))] for some in (animals[label], places[place]))
            parts.append((*compose(animal, ground, side, random), label, place))
    images, masks, labels, grounds = zip(*parts, strict=True)
    labels = torch.tensor(labels)
    masks = torch.from_numpy(np.stack(masks)) * (labels + 1).to(torch.uint8)[:, None, None]
    return Pasted(torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2), labels, torch.tensor(grounds), masks)


def cut_out(image: np.ndarray, mask: np.ndarray, animal: str) -> np.ndarray | None:
    """(h, w, 4) the largest area of an animal in its box, opaque where the animal is; None if it is too small."""
    from scipy import ndimage

    areas, found = ndimage.label(mask == VOC_CLASSES.index(animal) + 1)
    if not found:
        return None
    largest = 1 + np.bincount(areas.ravel())[1:].argmax()
    box = ndimage.find_objects(areas)[largest - 1]
    own = np.dstack([image, 255 * (areas == largest).astype(np.uint8)])[box]
    return own if min(own.shape[:2]) >= LEAST else None


def background(image: np.ndarray, mask: np.ndarray, place: str) -> np.ndarray | None:
    """(h, w, 3) the largest part beside, above or below all objects of a photo; None if it is too small."""
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    if not len(rows):
        return None
    beside = [image[: rows[0]], image[rows[-1] + 1 :], image[:, : columns[0]], image[:, columns[-1] + 1 :]]
    largest = max(beside, key=lambda part: min(part.shape[:2]))
    return largest if min(largest.shape[:2]) >= LEAST else None


def compose(
    animal: np.ndarray, ground: np.ndarray, side: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """An image (S, S, 3) and where its animal is, (S, S), both uint8: 60 to 90 % of the side, at a random place."""
    room = min(ground.shape[:2])
    top, left = (random.integers(length - room + 1) for length in ground.shape[:2])
    image = np.array(Image.fromarray(ground[top : top + room, left : left + room]).resize((side, side)))
    scale = random.uniform(0.6, 0.9) * side / max(animal.shape[:2])
    size = [max(1, round(length * scale)) for length in animal.shape[:2]]
    small = np.array(Image.fromarray(animal).resize(size[::-1]))
    top, left = (random.integers(side - length + 1) for length in size)
    mask = np.zeros((side, side), np.uint8)
    box, opaque = np.s_[top : top + size[0], left : left + size[1]], small[..., 3] > 127
    mask[box] = opaque
    image[box][opaque] = small[opaque, :3]
    return image, mask


def _usable(
    photos: list[str],
    shown: dict[str, tuple[int, ...]],
    label: str,
    part: Callable[[np.ndarray, np.ndarray, str], np.ndarray | None],
) -> list[np.ndarray]:
    """What ``part`` makes of the photos that show a label and none of the other animals."""
    own = VOC_CLASSES.index(label)
    others = {VOC_CLASSES.index(animal) for animal in ('bird', 'cat', 'cow', 'dog', 'horse', 'sheep')} - {own}
    wanted = [photo for photo in photos if own in shown[photo] and others.isdisjoint(shown[photo])]
    return [value for photo in wanted if (value := part(*_photo(photo), label)) is not None]


def _photo(photo: str) -> tuple[np.ndarray, np.ndarray]:
    image = read_image(FOLDER / f'JPEGImages/{photo}.jpg')
    return image, MASKS.read(FOLDER / f'SegmentationClassAug/{photo}.png')
