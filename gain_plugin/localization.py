"""How well attention maps localise: PxAP and MaxBoxAccV2 of Choe et al., and two pointing games.

Choe et al.: CVPR 2020, and the extended arXiv 2007.04178, which has MaxBoxAccV2 and takes PxAP's mean over classes.
Every function takes one image's maps (n, H, W) in 0..1, the classes (n,) these belong to, 0 to K - 1, and the truth
(H, W): integers, 0 background, c + 1 for class c. The results are to be summed over images.
"""

import torch
from torch import Tensor

from gain_plugin.masks import check_truth

BOX_IOUS = (0.3, 0.5, 0.7)


def pixel_histogram(maps: Tensor, classes: Tensor, truth: Tensor, thresholds: Tensor, num_classes: int) -> Tensor:
    """How many pixels on and off the class have which value: all that PxAP needs, in one pass over the thresholds.

    Args:
        maps: (n, H, W) maps in 0..1 of the classes the image is labelled with.
        classes: (n,) which classes these are.
        truth: (H, W) integers; all above K is ignored.
        thresholds: (T,) ascending.
        num_classes: K.

    Returns:
        (K, 2, T + 1) int64 pixel counts [class, off or on it, how many thresholds the value reaches].

    Raises:
        ValueError: maps out of 0..1, or a truth of another size.

    """
    masks, known = _class_masks(maps, classes, truth), truth <= num_classes
    reached = torch.bucketize(maps[:, known], thresholds.to(maps), right=True)
    bins = len(thresholds) + 1
    flat = (classes[:, None] * 2 + masks[:, known]) * bins + reached
    return flat.flatten().bincount(minlength=num_classes * 2 * bins).view(num_classes, 2, bins)


def pixel_average_precision(histogram: Tensor) -> Tensor:
    """Average precision of each class's pixels, all images pooled; PxAP is the mean over the classes.

    Precision times the step in recall, summed over the thresholds without interpolation, as scikit-learn does. A pixel
    is found at a threshold if its value is no less. The last step finds all pixels.

    Args:
        histogram: (K, 2, T + 1) summed ``pixel_histogram`` counts.

    Returns:
        (K,) in 0..1, NaN for a class without a pixel.

    """
    off, on = histogram.double().flip(-1).unbind(1)  # highest values first
    hits = on.cumsum(-1)
    precision = hits / (hits + off.cumsum(-1))
    return (precision.nan_to_num() * on).sum(-1) / hits[:, -1]


def box_hits(maps: Tensor, classes: Tensor, truth: Tensor, thresholds: Tensor) -> Tensor:
    """At each threshold, how many of the maps have a box with an IoU of at least 0.3, 0.5 and 0.7 with a true box.

    Summed over images, divided by the number of maps and maximised over thresholds these are the three accuracies whose
    mean is MaxBoxAccV2. The boxes are those of all 8-connected areas above the threshold, and the best pair of boxes
    counts. Holes have no boxes, unlike the contours of Choe et al. The true boxes are those of the class's areas in
    ``truth``, for a mask knows no instances: touching objects share a box, and an object cut in two has two. Ignored
    pixels are outside the true boxes, but not cut from the maps. Needs SciPy.

    Args:
        maps: (n, H, W) maps in 0..1.
        classes: (n,) which classes these are.
        truth: (H, W) integers.
        thresholds: (T,).

    Returns:
        (T, 3) int64 counts.

    Raises:
        ValueError: maps out of 0..1, or a truth of another size.

    """
    hits = torch.zeros(len(thresholds), len(BOX_IOUS), dtype=torch.long)
    for attention, mask in zip(maps.cpu(), _class_masks(maps, classes, truth).cpu(), strict=True):
        true = area_boxes(mask)
        best = torch.stack([_best_iou(area_boxes(attention > threshold), true) for threshold in thresholds.tolist()])
        hits += best[:, None] >= torch.tensor(BOX_IOUS)
    return hits


def pointing_hits(maps: Tensor, classes: Tensor, truth: Tensor, num_classes: int, *, tolerance: float = 15.0) -> Tensor:
    """Whether each map's maximum falls on its class: the pointing game of Zhang et al., ECCV 2016.

    The game's accuracy is the mean over classes of the share of hits. A map without a positive value misses.

    Args:
        maps: (n, H, W) maps in 0..1; the maximum is looked for outside the ignored pixels.
        classes: (n,) which classes these are.
        truth: (H, W) integers; all above K is ignored.
        num_classes: K.
        tolerance: a maximum this many pixels of ``truth`` away from the class's nearest pixel still hits. 15 by
            convention, for photos some 500 pixels wide.

    Returns:
        (n,) bool.

    Raises:
        ValueError: maps out of 0..1, or a truth of another size.

    """
    masks, (height, width) = _class_masks(maps, classes, truth), truth.shape
    value, place = (maps * (truth <= num_classes)).flatten(1).max(1)
    row, column = (torch.arange(side, device=maps.device) for side in (height, width))
    down, right = row - (place // width)[:, None], column - (place % width)[:, None]
    near = down[:, :, None] ** 2 + right[:, None] ** 2 <= tolerance**2
    return (masks & near).flatten(1).any(1) & (value > 0)


def energy_inside(maps: Tensor, classes: Tensor, truth: Tensor, num_classes: int) -> Tensor:
    """Share of each map's sum that is on its class: the energy-based pointing game of Score-CAM, CVPRW 2020.

    There it is the share in the class's boxes, here that on its pixels. The game's score is the mean over maps.

    Args:
        maps: (n, H, W) maps in 0..1.
        classes: (n,) which classes these are.
        truth: (H, W) integers; all above K is ignored.
        num_classes: K.

    Returns:
        (n,) in 0..1, 0 for a map that is zero.

    Raises:
        ValueError: maps out of 0..1, or a truth of another size.

    """
    masks = _class_masks(maps, classes, truth)
    known = maps.double() * (truth <= num_classes)
    inside, total = (known * masks).sum((-2, -1)), known.sum((-2, -1))
    return (inside / total).where(total > 0, 0)


def _class_masks(maps: Tensor, classes: Tensor, truth: Tensor) -> Tensor:
    check_truth(maps, classes, truth)
    return truth == classes[:, None, None] + 1


def area_boxes(mask: Tensor) -> Tensor:
    """Top, left, bottom, right (B, 4) of all 8-connected areas; the last two are just outside."""
    from scipy.ndimage import find_objects, label

    areas = find_objects(label(mask.numpy(), torch.ones(3, 3).numpy())[0])
    corners = [(rows.start, columns.start, rows.stop, columns.stop) for rows, columns in areas]
    return torch.tensor(corners, dtype=torch.long).view(-1, 4)


def _best_iou(boxes: Tensor, true: Tensor) -> Tensor:
    """Largest IoU of any of the boxes (A, 4) with any of the true ones (B, 4), 0 where there are none."""
    if not len(boxes) or not len(true):
        return torch.zeros(())
    start, stop = torch.maximum(boxes[:, None, :2], true[:, :2]), torch.minimum(boxes[:, None, 2:], true[:, 2:])
    both = (stop - start).clamp(min=0).prod(-1)
    area, true_area = ((corners[:, 2:] - corners[:, :2]).prod(-1) for corners in (boxes, true))
    return (both / (area[:, None] + true_area - both)).max()
