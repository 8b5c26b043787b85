"""Photos with image-level labels in VOC layout, and the embedded scenes, as mmengine data sets."""

import colorsys
import csv
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS, TRANSFORMS
from PIL import Image

from gain_plugin import synthetic
from gain_plugin.label_files import voc_palette
from gain_plugin.masks import UNKNOWN
from gain_plugin.readers.files import extension_known

VOC_CLASSES = (
    'aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person pottedplant sheep '
    'sofa train tvmonitor'
).split()


@DATASETS.register_module()
class VOCTagsDataset(BaseDataset):
    """Photos with image-level labels, and masks for all, some or none of them, in the layout of PASCAL VOC.

    A sample has ``img`` (H, W, 3) uint8 RGB, ``gt_label`` (n,) class indices and, where masks are read, ``gt_seg_map``
    (H, W) uint8: 0 background, c + 1 for class c, 255 unknown. Whatever ``classes`` leaves out is background.

    Args:
        data_root: folder that ``ann_file``, ``data_prefix``, ``mask_list`` and, unless absolute, ``tags_file`` are in.
        ann_file: list of photos, one a line: paths below ``img_path``, without extension for ``.jpg``.
        classes: the classes to learn, in the order of the scores.
        tags_file: CSV with the columns ``id`` and ``labels`` (class names with blanks between). Without it the labels
            are the classes in the masks. A class whose name has blanks stands alone in a row of its own.
        masks: whose masks are read into samples: ``'all'``, ``'none'``, ``'found'`` (those that are there, as of
            pseudo labels), or a list file of ids; the masks of other images are unknown all over.
        mask_classes: names of the mask values 1, 2, ...
        data_prefix: folders of images (``img_path``, .jpg) and masks (``seg_map_path``, .png).
        pipeline: transforms.
        test_mode: as in mmengine.
        indices: as in mmengine: the first so many, or a list of positions.
        background: name the background first in ``metainfo['classes']``, as mmseg's metrics of segmenters need.
        cache: decode each file once and keep it in memory, in each process that loads. That is 3 bytes a pixel, 4 with
            a mask: 6 GB for the 10,582 photos of VOC 2012, 75 GB and more for COCO.

    Raises:
        FileNotFoundError: a list, tags file, image or mask that is not there.
        ValueError: an empty list, a class without a name among ``mask_classes``, an id without a row in the tags file,
            not one mask found, and, when it is loaded, an image that cannot be read, a mask of another size or with a
            value that is neither 0, 255 nor the number of one of ``mask_classes``.

    """

    def __init__(
        self,
        data_root: str,
        ann_file: str,
        classes: Sequence[str] = VOC_CLASSES,
        tags_file: str | None = None,
        masks: str = 'all',
        mask_classes: Sequence[str] = VOC_CLASSES,
        data_prefix: dict[str, str] | None = None,
        pipeline: Sequence[dict | Callable] = (),
        test_mode: bool = False,
        indices: int | Sequence[int] | None = None,
        background: bool = False,
        cache: bool = False,
    ) -> None:
        unknown = [name for name in classes if name not in mask_classes]
        if unknown:
            raise ValueError(f'classes {unknown} are not among mask_classes {list(mask_classes)}')
        self._tags_file = tags_file
        self._masks = masks
        self._classes = tuple(classes)
        self._mask_classes = len(mask_classes)
        self._keep = cache
        self._kept: dict[int, tuple[np.ndarray, np.ndarray | None]] = {}
        self._values = np.zeros(256, np.uint8)  # mask value -> ours
        self._values[UNKNOWN] = UNKNOWN
        for index, name in enumerate(classes):
            self._values[list(mask_classes).index(name) + 1] = index + 1
        colours = np.reshape(voc_palette(), (-1, 3)).tolist()  # those of the pseudo labels
        super().__init__(
            ann_file,
            {
                'classes': (('background', *classes) if background else tuple(classes)),
                'palette': colours[not background :][: len(classes) + background],
            },
            data_root,
            data_prefix or {'img_path': 'JPEGImages', 'seg_map_path': 'SegmentationClassAug'},
            indices=indices,
            pipeline=list(pipeline),
            test_mode=test_mode,
        )

    def load_data_list(self) -> list[dict[str, Any]]:
        """One dict an image: its paths and labels. Called by mmengine."""
        ids = _read_list(Path(self.ann_file))
        root = Path(self.data_root)
        tags = None if self._tags_file is None else _read_tags(root / self._tags_file, self._classes)
        masked = set(_read_list(root / self._masks)) if self._masks not in ('all', 'none', 'found') else set(ids)
        samples = []
        for name in ids:
            image = Path(self.data_prefix['img_path']) / (name if extension_known(Path(name).suffix) else f'{name}.jpg')
            mask = Path(self.data_prefix['seg_map_path']) / f'{_without_extension(name)}.png'
            has_mask = mask.is_file() if self._masks == 'found' else self._masks != 'none' and name in masked
            for path in [image, *([mask] if has_mask or tags is None else [])]:
                if not path.is_file():
                    raise FileNotFoundError(f'{path}, which {self.ann_file} lists, is not there')
            if tags is None:
                present = np.unique(self._read_mask(mask))
                label = [int(value) - 1 for value in present if value not in (0, UNKNOWN)]
            elif name in tags:
                label = [index for index, cls in enumerate(self._classes) if cls in tags[name]]
            else:
                raise ValueError(f'{self._tags_file} has no row for the image {name} of {self.ann_file}')
            samples.append({'img_path': str(image), 'seg_map_path': str(mask) if has_mask else None, 'gt_label': label})
        if self._masks == 'found' and not any(sample['seg_map_path'] for sample in samples):
            raise ValueError(f'no mask of {self.ann_file} is in {self.data_prefix["seg_map_path"]}')
        return samples

    def prepare_data(self, idx: int) -> dict[str, Any]:
        """The sample after the pipeline."""
        info = self.get_data_info(idx)
        image, mask = self._kept[idx] if idx in self._kept else self._decode(info)
        if self._keep:
            self._kept[idx] = image, mask
        info.update(img=image, img_shape=image.shape[:2], ori_shape=image.shape[:2], seg_fields=[])
        if mask is not None:
            info.update(gt_seg_map=mask, seg_fields=['gt_seg_map'])
        return self.pipeline(info)

    def check_masks(self) -> None:
        """Read every mask, to find a wrong one before hours of work."""
        for index in range(len(self)):
            path = self.get_data_info(index)['seg_map_path']
            if path is not None:
                self._read_mask(Path(path))

    def _read_mask(self, path: Path) -> np.ndarray:
        mask = _read_image(path, 'P')
        wrong = [int(value) for value in np.unique(mask) if self._mask_classes < value < UNKNOWN]
        if wrong:
            raise ValueError(f'{path} has the values {wrong}, beyond 255 and its {self._mask_classes} classes')
        return self._values[mask]

    def _decode(self, info: dict[str, Any]) -> tuple[np.ndarray, np.ndarray | None]:
        image = _read_image(Path(info['img_path']), 'RGB')
        if self._masks == 'none':
            return image, None
        if info['seg_map_path'] is None:
            return image, np.full(image.shape[:2], UNKNOWN, np.uint8)
        mask = self._read_mask(Path(info['seg_map_path']))
        if mask.shape != image.shape[:2]:
            raise ValueError(f'{info["seg_map_path"]} is {mask.shape}, its image {image.shape[:2]}: they must agree')
        return image, mask


@DATASETS.register_module()
class SyntheticDataset(BaseDataset):
    """The scenes of ``gain_plugin.synthetic``, in samples like ``VOCTagsDataset``'s.

    Args:
        count: how many scenes.
        seed: which ones.
        masks: whether samples have their ``gt_seg_map``.
        pipeline: transforms.
        test_mode: as in mmengine.
        sign: as in ``gain_plugin.synthetic.scenes``: what gives the label away.

    """

    METAINFO = {'classes': synthetic.CLASSES}

    def __init__(
        self,
        count: int,
        seed: int,
        masks: bool,
        pipeline: Sequence[dict | Callable] = (),
        test_mode: bool = False,
        sign: str | None = None,
    ) -> None:
        self._sign = sign
        self._count = count
        self._seed = seed
        self._with_masks = masks
        super().__init__(pipeline=list(pipeline), test_mode=test_mode, serialize_data=False)

    def load_data_list(self) -> list[dict[str, Any]]:
        """Draw the scenes. Called by mmengine."""
        drawn = synthetic.scenes(self._count, self._seed, self._sign)
        samples = []
        for index, (image, labels, mask) in enumerate(zip(*drawn, strict=True)):
            info = {'img': image.permute(1, 2, 0).numpy(), 'img_path': f'scene {index} of seed {self._seed}'}
            info.update(gt_label=labels.nonzero()[:, 0].tolist(), img_shape=mask.shape, ori_shape=mask.shape)
            seg_map = (
                {'gt_seg_map': mask.numpy(), 'seg_fields': ['gt_seg_map']} if self._with_masks else {'seg_fields': []}
            )
            samples.append({**info, **seg_map})
        return samples


@TRANSFORMS.register_module()
class FillBoxes(BaseTransform):
    """Replace a mask by the filled boxes of its connected parts, the smaller above the larger.

    Turns masks into what annotators of boxes would have given. Unknown pixels become background or box.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Redraw ``gt_seg_map`` (H, W) uint8."""
        from scipy import ndimage

        mask = results['gt_seg_map']
        boxes = []
        for value in np.setdiff1d(mask, (0, UNKNOWN)):
            boxes += [(box, value) for box in ndimage.find_objects(ndimage.label(mask == value)[0])]
        filled = np.zeros_like(mask)
        for box, value in sorted(boxes, key=lambda item: filled[item[0]].size, reverse=True):
            filled[box] = value
        results['gt_seg_map'] = filled
        return results


@TRANSFORMS.register_module()
class Sign(BaseTransform):
    """Draw a disc in the vivid colour of a class for each label of an image, at random places.

    ``telling`` signs give the labels away, others show as many classes at random, so that a classifier trained on the
    one kind shows on the other whether it looks at the objects. An image has the same signs each time.

    Args:
        num_classes: K.
        telling: whether the classes shown are the image's own.
        radius: of the disc, in pixels.

    """

    def __init__(self, num_classes: int, telling: bool, radius: int = 10) -> None:
        self._num_classes = num_classes
        self._telling = telling
        self._radius = radius

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Draw into a copy of ``img`` (H, W, 3) uint8."""
        image, labels = results['img'].copy(), results['gt_label']
        random = np.random.default_rng(zlib.crc32(Path(results['img_path']).name.encode()))
        shown = labels if self._telling else random.choice(self._num_classes, len(labels), replace=False)
        y, x = np.ogrid[: image.shape[0], : image.shape[1]]
        for label in shown:
            top, left = (random.uniform(self._radius, side - self._radius) for side in image.shape[:2])
            colour = np.multiply(colorsys.hsv_to_rgb(label / self._num_classes, 1, 1), 255)
            image[(y - top) ** 2 + (x - left) ** 2 < self._radius**2] = colour.astype(np.uint8)
        results['img'] = image
        return results


def _without_extension(name: str) -> str:
    suffix = Path(name).suffix
    return name.removesuffix(suffix) if extension_known(suffix) else name


def _read_list(path: Path) -> list[str]:
    if not path.is_file():
        raise FileNotFoundError(f'the list of images {path} is not there')
    names = [line.strip() for line in path.read_text('utf-8-sig').splitlines() if line.strip()]
    if not names:
        raise ValueError(f'the list of images {path} is empty')
    return names


def _read_tags(path: Path, classes: Sequence[str]) -> dict[str, list[str]]:
    if not path.is_file():
        raise FileNotFoundError(f'the image-level labels {path} are not there')
    with path.open(newline='', encoding='utf-8-sig') as file:
        rows = csv.DictReader(file)
        if not {'id', 'labels'} <= set(rows.fieldnames or ()):
            raise ValueError(f'{path} needs the columns id and labels, it has {rows.fieldnames}')
        tags: dict[str, list[str]] = {}
        for row in rows:
            whole = row['labels'] in classes  # names of classes may have blanks: these are alone in a row
            tags.setdefault(row['id'], []).extend([row['labels']] if whole else row['labels'].split())
        return tags


def _read_image(path: Path, mode: str) -> np.ndarray:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert(mode) if mode == 'RGB' else image)
    except OSError as error:
        raise ValueError(f'cannot read {path}: {error}') from error
