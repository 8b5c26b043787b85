"""Photos with image-level labels and masks on the disk, in the layout of PASCAL VOC or one's own."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gain_plugin.images import read_image
from gain_plugin.lists import read_list
from gain_plugin.mask_files import MaskNumbers, Pixel
from gain_plugin.masks import UNKNOWN, VOC_CLASSES, is_background
from gain_plugin.photos import Folder, without_extension
from gain_plugin.tags import Tags, read_tags

MASK_FOLDERS = ('SegmentationClassAug', 'SegmentationClass')


class Entry(NamedTuple):
    """One photo of a list.

    Attributes:
        name: its id without extension.
        image: its path.
        mask: path of its mask; None where it has none that is to be read.
        labels: indices of its classes, ascending.

    """

    name: str
    image: str
    mask: str | None
    labels: tuple[int, ...]


class PhotoReader(NamedTuple):
    """Reads the files of entries.

    Attributes:
        numbers: what the pixels of masks mean.
        masks: whether masks are read.
        tagged: whether labels come from a table, where a photo without any is known to be background.

    """

    numbers: MaskNumbers
    masks: bool
    tagged: bool

    def read(self, entry: Entry) -> tuple[np.ndarray, np.ndarray | None]:
        """Its image (H, W, 3) uint8 RGB and mask (H, W) uint8: 0 background, c + 1 for class c, 255 unknown.

        There is no mask if none are to be read. A photo whose mask is not there is unknown all over, but background if
        it has a row without labels.

        Raises:
            ValueError: one that cannot be read, or a mask of another size; names it.

        """
        image = read_image(entry.image)
        if not self.masks:
            return image, None
        if entry.mask is None:
            value = UNKNOWN if entry.labels or not self.tagged else 0
            return image, np.full(image.shape[:2], value, np.uint8)
        mask = self.numbers.read(entry.mask)
        if mask.shape != image.shape[:2]:
            turned = mask.shape == image.shape[1::-1]
            hint = 'was it drawn before the photo was turned by its EXIF entry?' if turned else 'they must agree'
            raise ValueError(f'{entry.mask} is {mask.shape}, its image {image.shape[:2]}: {hint}')
        return image, mask


class TaggedPhotos:
    """The photos of a list, with their labels and masks. Arguments are those of ``VOCTagsDataset``.

    Raises:
        FileNotFoundError: a list, a table or a folder that is not there.
        ValueError: a list, a table or classes that are wrong; names file and line.

    """

    def __init__(
        self,
        data_root: str | Path,
        ann_file: str,
        classes: Sequence[str] = VOC_CLASSES,
        tags_file: str | None = None,
        masks: str = 'all',
        mask_classes: Sequence[str] | Mapping[str, Pixel] | None = None,
        data_prefix: Mapping[str, str] | None = None,
    ) -> None:
        root = Path(data_root or '.')
        self.classes = checked_classes(classes)
        named = self._numbering(mask_classes)
        read = masks != 'none' or tags_file is None  # without masks there may be more classes than 8 bit can number
        self.reader = PhotoReader(
            MaskNumbers(self.classes if read else (), named), masks != 'none', tags_file is not None
        )
        self.list_file = root / ann_file
        self.names = read_list(self.list_file)
        self.tags: Tags | None = None
        if tags_file is not None:
            self.tags = read_tags(root / tags_file, self.classes, set(named) - {'background', 'unknown'})
        self.masks = masks
        self._masked = None if masks in ('all', 'none', 'found') else _stems(root / masks)
        self.images = Folder(root / (data_prefix or {}).get('img_path', 'JPEGImages'))
        self._truth = self._mask_folder(root, (data_prefix or {}).get('seg_map_path'))

    def entry(self, name: str) -> Entry:
        """Where the files of an id are, and its labels.

        Raises:
            FileNotFoundError: its image, or a mask that must be there, is not.
            ValueError: no row of labels, a path that leaves its folder, several files that it may be; a wrong mask,
                where labels come from masks.

        """
        image = self.images.find(name)
        if image is None:
            raise FileNotFoundError(
                f'{os.path.join(self.images.root, name)}, which {self.list_file} lists, is not there in any format of '
                f'Pillow{self.images.hint(name)}'
            )
        below = image[len(os.path.join(self.images.root, '')) :]
        stem = without_extension(below.replace(os.sep, '/'))
        mask = self._find_mask(name, stem, image)
        labels = self._labels(name, mask)
        wanted = self.masks in ('all', 'found') or (self._masked is not None and stem in self._masked)
        return Entry(stem, image, mask if wanted else None, labels)

    def _numbering(
        self, mask_classes: Sequence[str] | Mapping[str, Pixel] | None
    ) -> Sequence[str] | Mapping[str, Pixel]:
        if mask_classes is not None:
            return mask_classes
        return VOC_CLASSES if set(self.classes) <= set(VOC_CLASSES) else self.classes

    def _mask_folder(self, root: Path, given: str | None) -> Folder | None:
        if self.masks == 'none' and self.tags is not None:
            return None
        if given is not None:
            return Folder(root / given)
        there = [name for name in MASK_FOLDERS if (root / name).is_dir()]
        if not there:
            raise FileNotFoundError(
                f'no folder of masks {" or ".join(MASK_FOLDERS)} is in {root}: name it in '
                "data_prefix=dict(seg_map_path=...), or give a tags_file and masks='none'"
            )
        return Folder(root / there[0])

    def _find_mask(self, name: str, stem: str, image: str) -> str | None:
        if self._truth is None:
            return None
        mask = self._truth.find(stem, but=image)
        needed = self.tags is None or self.masks == 'all' or (self._masked is not None and stem in self._masked)
        if mask is None and needed:
            raise FileNotFoundError(
                f'{os.path.join(self._truth.root, stem)}.png, the mask of {name} in {self.list_file}, is not there'
            )
        return mask

    def _labels(self, name: str, mask: str | None) -> tuple[int, ...]:
        if self.tags is None:
            present = np.unique(self.reader.numbers.read(mask or ''))
            return tuple(int(value) - 1 for value in present if value not in (0, UNKNOWN))
        labels = self.tags.find(name)
        if labels is None:
            known = f'; its rows are as {next(iter(self.tags.labels))!r}' if self.tags.labels else ''
            raise ValueError(f'{self.tags.path} has no row for the image {name!r} of {self.list_file}{known}')
        return labels


def checked_classes(classes: Sequence[str]) -> tuple[str, ...]:
    """The classes to learn; a ValueError if they are no names, empty ones, or name one twice or the background."""
    if isinstance(classes, str) or not classes or not all(isinstance(name, str) for name in classes):
        raise ValueError(f'classes must be a list of names, got {classes!r}')
    blank = [name for name in classes if not name or name != name.strip()]
    if blank:
        raise ValueError(f'classes must be names without blanks around them, got {blank}')
    twice = sorted({name for name in classes if list(classes).count(name) > 1})
    if twice:
        raise ValueError(f'classes has {twice} more than once')
    named = [name for name in classes if is_background(name)]
    if named:
        raise ValueError(f'classes are those to learn: leave {named} out, background=True names it for segmenters')
    return tuple(classes)


def _stems(path: Path) -> set[str]:
    return {without_extension(name.replace('\\', '/')) for name in read_list(path)}
