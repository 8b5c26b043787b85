"""Masks from what was drawn on photos."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gain_plugin.mask_files import MaskNumbers
from gain_plugin.masks import UNKNOWN
from gain_plugin.readers.annotations import Photo, Region
from gain_plugin.readers.coco import enclosing, run_length


def draw_mask(
    photo: Photo,
    size: tuple[int, int],
    numbers: MaskNumbers,
    boxes: bool = False,
) -> np.ndarray | None:
    """The mask of a photo, or None if it has none.

    Args:
        photo: with regions or the file of a mask.
        size: height and width of the photo.
        numbers: what the pixels of its file mean.
        boxes: fill the boxes, even where there are outlines.

    Returns:
        (H, W) uint8: 0 background, c + 1 for class c, 255 unknown. Crowds lie below all objects, the smaller objects
        above the larger. A box covers every pixel that it touches.

    Raises:
        ImportError: outlines need pycocotools.
        ValueError: the file of the mask cannot be read or is of another size, or an outline is none.

    """
    if photo.regions is not None:
        return draw_regions(photo.regions, size, boxes)
    if photo.mask is None:
        return None
    mask = _read_mat(photo.mask) if photo.mask.suffix == '.mat' else numbers.read(photo.mask)
    if mask.shape != size:
        raise ValueError(f'{photo.mask} is {mask.shape}, its photo {size}: they must agree')
    if photo.labels and set(np.unique(mask).tolist()) == {0, UNKNOWN}:
        raise ValueError(f'{photo.mask} has background and unknown alone, though its photo has labels: is 255 a class?')
    return mask


def draw_regions(regions: Sequence[Region], size: tuple[int, int], boxes: bool = False) -> np.ndarray:
    """As ``draw_mask``."""
    for region in regions:
        _check_place(region, size)
    filled = [(region, fill_box(region.box, size) if boxes else fill(region, size)) for region in regions]
    mask = np.zeros(size, np.uint8)
    for region, inside in sorted(filled, key=lambda pair: (pair[0].label is not None, -pair[1].sum())):
        mask[inside] = UNKNOWN if region.label is None else region.label + 1
    return mask


def fill(region: Region, size: tuple[int, int]) -> np.ndarray:
    """(H, W) bool: the pixels within a region's outline, or else its box."""
    if region.outline is None:
        return fill_box(region.box, size)
    if isinstance(region.outline, dict) and tuple(region.outline['size']) != size:
        raise ValueError(f'a run-length code is for {region.outline["size"]} (height, width), the photo is {size}')
    code = run_length(region.outline, size)
    from pycocotools import mask as coco

    return coco.decode(code) > 0


def _check_place(region: Region, size: tuple[int, int]) -> None:
    """ValueError for what is drawn beside the photo, or reaches beyond it by more than its size."""
    boxes = [region.box, *([enclosing(region.outline)] if isinstance(region.outline, list) else [])]
    for left, top, right, bottom in boxes:
        for low, high, side in ((left, right, size[1]), (top, bottom, size[0])):
            if not (-side <= low <= side and 0 <= high <= 2 * side):
                box = tuple(round(edge, 1) for edge in (left, top, right, bottom))
                raise ValueError(f'{box} (left, top, right, bottom) is beyond the photo of {size} (height, width)')


def fill_box(box: tuple[float, float, float, float], size: tuple[int, int]) -> np.ndarray:
    """(H, W) bool: the pixels that a box touches, one at least."""
    left, top, right, bottom = box
    inside = np.zeros(size, bool)
    for_row, for_column = ((int(np.floor(low)), int(np.ceil(high))) for low, high in ((top, bottom), (left, right)))
    rows, columns = (slice(max(0, low), max(0, high, low + 1)) for low, high in (for_row, for_column))
    inside[rows, columns] = True
    return inside


def _read_mat(path: Path) -> np.ndarray:
    """``GTcls.Segmentation`` of SBD's files."""
    from scipy.io import loadmat

    try:
        return loadmat(path)['GTcls']['Segmentation'][0, 0].astype(np.uint8)
    except Exception as error:  # scipy raises what the bytes lead it to
        raise ValueError(f'cannot read {path} as a mask of SBD: {error}') from error
