"""Transforms of masks into boxes, and of photos into biased ones."""

import colorsys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.registry import TRANSFORMS

from gain_plugin.masks import UNKNOWN


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
class SpuriousCue(BaseTransform):
    """Draw a disc in the vivid colour of a class for each label of an image, at random places.

    Where the set is ``biased`` the discs give the labels away; else they show as many classes at random. A classifier
    trained on the one kind shows on the other whether it looks at the objects. An image has the same discs each time.

    Args:
        num_classes: K.
        biased: whether the classes shown are the image's own.
        radius: of the disc, in pixels.

    """

    def __init__(self, num_classes: int, biased: bool, radius: int = 10) -> None:
        self._num_classes = num_classes
        self._biased = biased
        self._radius = radius

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Draw into a copy of ``img`` (H, W, 3) uint8."""
        image, labels = results['img'].copy(), results['gt_label']
        random = np.random.default_rng(zlib.crc32(Path(results['img_path']).name.encode()))
        shown = labels if self._biased else random.choice(self._num_classes, len(labels), replace=False)
        y, x = np.ogrid[: image.shape[0], : image.shape[1]]
        for label in shown:
            top, left = (random.uniform(self._radius, side - self._radius) for side in image.shape[:2])
            colour = np.multiply(colorsys.hsv_to_rgb(label / self._num_classes, 1, 1), 255)
            image[(y - top) ** 2 + (x - left) ** 2 < self._radius**2] = colour.astype(np.uint8)
        results['img'] = image
        return results
