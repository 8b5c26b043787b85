"""Photos with image-level labels as an mmengine data set."""

from collections.abc import Callable, Mapping, Sequence
from logging import WARNING
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log
from mmengine.registry import DATASETS

from gain_plugin.mask_agreement import check_agreement
from gain_plugin.mask_files import Pixel
from gain_plugin.masks import VOC_CLASSES, voc_palette
from gain_plugin.tagged_photos import Entry, TaggedPhotos

LEAST_SHARE = 0.5  # of a segmenter's photos that need a mask


@DATASETS.register_module()
class VOCTagsDataset(BaseDataset):
    """Photos with image-level labels, and masks for all, some or none of them.

    The layout is that of PASCAL VOC unless ``data_prefix`` says otherwise. A sample has ``img`` (H, W, 3) uint8 RGB,
    upright, ``gt_label`` (n,) class indices, ``img_id``, its id without extension, and, where masks are read,
    ``gt_seg_map`` (H, W) uint8: 0 background, c + 1 for class c, 255 unknown. Whatever ``classes`` leaves out is
    background, and so is a photo without labels that has no mask.

    Args:
        data_root: folder that the other paths are in, unless they are absolute.
        ann_file: list of ids, one a line: paths below the folder of images, with or without extension.
        classes: the classes to learn, in the order of the scores.
        tags_file: CSV with the columns ``id`` and ``labels``, or ``id`` and a column a class; ``gain_plugin.tags`` says
            which forms it may have. Without it the labels are the classes in the masks.
        masks: whose masks are read into samples: ``'all'``, ``'none'``, ``'found'`` (those that are there, as of
            pseudo labels), or a list file of ids; the masks of other images are unknown all over.
        mask_classes: what the values of masks mean: names of 1, 2, ..., or of each name its value or its colour (red,
            green, blue), as ``dict(lesion=255)``; ``background`` and ``unknown`` may be among them. VOC's 20 classes if
            all of ``classes`` are VOC's, else ``classes``. Other names that tags have must be here, too.
        data_prefix: folders of images (``img_path``, JPEGImages if not given) and masks (``seg_map_path``,
            SegmentationClassAug or else SegmentationClass), in any format of Pillow.
        pipeline: transforms.
        test_mode: as in mmengine; also, not one mask need be found.
        indices: as in mmengine: the first so many, or a list of positions.
        background: name the background first in ``metainfo['classes']``, as mmseg's metrics of segmenters need.
        cache: decode each file once and keep it in memory, in each process that loads. That is 3 bytes a pixel, 4 with
            a mask: 6 GB for the 10,582 photos of VOC 2012, 75 GB and more for COCO.

    Raises:
        FileNotFoundError: a list, tags file, image or mask that is not there.
        ValueError: a list or tags file with something wrong, a name that is no class, an id without labels or outside
            of its folder, masks that contradict the tags, not one mask found; when it is loaded, a file that cannot be
            read, a mask of another size or with a value without a meaning. Each names the file.

    """

    def __init__(
        self,
        data_root: str,
        ann_file: str,
        classes: Sequence[str] = VOC_CLASSES,
        tags_file: str | None = None,
        masks: str = 'all',
        mask_classes: Sequence[str] | Mapping[str, Pixel] | None = None,
        data_prefix: dict[str, str] | None = None,
        pipeline: Sequence[dict | Callable] = (),
        test_mode: bool = False,
        indices: int | Sequence[int] | None = None,
        background: bool = False,
        cache: bool = False,
    ) -> None:
        self._source = data_root, ann_file, classes, tags_file, masks, mask_classes, data_prefix
        self._background = background
        self._keep = cache
        self._kept: dict[int, tuple[np.ndarray, np.ndarray | None]] = {}
        colours = np.reshape(voc_palette(), (-1, 3)).tolist()  # those of the pseudo labels
        super().__init__(
            ann_file,
            {
                'classes': (('background', *classes) if background else tuple(classes)),
                'palette': colours[not background :][: len(classes) + background],
            },
            data_root,
            dict(data_prefix or {}),
            indices=indices,
            pipeline=list(pipeline),
            test_mode=test_mode,
        )

    def load_data_list(self) -> list[dict[str, Any]]:
        """One dict an image: its paths and labels. Called by mmengine."""
        photos = TaggedPhotos(*self._source)
        self._reader = photos.reader
        entries = [photos.entry(name) for name in photos.names]
        self._check_labels(photos, entries)
        self._check_found(photos, entries)
        check_agreement(entries, photos.reader.numbers, photos.classes)
        return [
            {'img_path': one.image, 'seg_map_path': one.mask, 'gt_label': list(one.labels), 'img_id': one.name}
            for one in entries
        ]

    def get_cat_ids(self, idx: int) -> list[int]:
        """Indices of a sample's classes, for mmengine's ``ClassBalancedDataset``."""
        return self.get_data_info(idx)['gt_label']

    def prepare_data(self, idx: int) -> dict[str, Any]:
        """The sample after the pipeline."""
        info = self.get_data_info(idx)
        image, mask = self._kept[idx] if idx in self._kept else self._reader.read(_entry(info))
        if self._keep:
            self._kept[idx] = image, mask
        info.update(img=image, img_shape=image.shape[:2], ori_shape=image.shape[:2], seg_fields=[])
        if mask is not None:
            info.update(gt_seg_map=mask, seg_fields=['gt_seg_map'])
        path = info['img_path']
        try:
            return self.pipeline(info)
        except Exception as error:
            raise ValueError(f'{path} of {image.shape[:2]} pixels, in the pipeline: {error}') from error

    def check_masks(self) -> None:
        """Read every mask, to find a wrong one before hours of work."""
        for index in range(len(self) if self._reader.masks else 0):
            path = self.get_data_info(index)['seg_map_path']
            if path is not None:
                self._reader.numbers.read(path)

    def _check_labels(self, photos: TaggedPhotos, entries: Sequence[Entry]) -> None:
        first: dict[str, int] = {}
        for index, entry in enumerate(entries):
            before = first.setdefault(entry.name, index)
            if before == index:
                continue
            names = f'{photos.names[before]!r} and {photos.names[index]!r}'
            if entries[before].image == entry.image:
                raise ValueError(f'{self.ann_file} lists {entry.image} twice, as {names}: remove one')
            raise ValueError(f'{self.ann_file}: {names} would have one mask and one file of labels: rename one')
        shown = {label for entry in entries for label in entry.labels}
        unseen = [name for label, name in enumerate(photos.classes) if label not in shown]
        if unseen and not self.test_mode:
            print_log(f'no photo of {self.ann_file} shows {unseen}: these are not learnt from it', 'current', WARNING)

    def _check_found(self, photos: TaggedPhotos, entries: Sequence[Entry]) -> None:
        if photos.tags is None and not any(entry.labels for entry in entries):
            described = photos.reader.numbers.describe([entry.mask or '' for entry in entries[:1]])
            raise ValueError(f'no mask of {self.ann_file} shows a class: {described}')
        if photos.masks in ('all', 'none'):
            return
        tagged = [entry for entry in entries if entry.labels]
        found = sum(entry.mask is not None for entry in tagged)
        text = f'{found} of {len(tagged)} tagged photos of {self.ann_file} have a mask'
        if self.test_mode:
            return print_log(text, 'current')
        if not found:
            raise ValueError(f'{text}: no mask of masks={photos.masks!r} is in its folder')
        if self._background and found < LEAST_SHARE * len(tagged):
            raise ValueError(f'{text}, too few for a segmenter: label the others, or list those that have one')
        return print_log(text, 'current')


def _entry(info: dict[str, Any]) -> Entry:
    return Entry(info['img_id'], info['img_path'], info['seg_map_path'], tuple(info['gt_label']))
