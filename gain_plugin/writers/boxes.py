"""Boxes around maps, as YOLO's text files, for a detector."""

from pathlib import Path

import numpy as np
import torch

from gain_plugin.files import write_atomically
from gain_plugin.localization import area_boxes
from gain_plugin.writers.checks import check_maps, target

THRESHOLD = 0.3
"""Of maps in 0..1, as the foreground of IRN's labels."""


def write_boxes(out: Path, name: str, maps: np.ndarray, classes: np.ndarray, threshold: float = THRESHOLD) -> Path:
    """Write ``<name>.txt``: a line an area above the threshold, class and its box in 0..1 of the width and height.

    The columns are class, x and y of the middle, width, height. Areas are 8-connected. An image without one has an
    empty file.

    Args:
        out: folder.
        name: of the image.
        maps: (n, H, W) in 0..1.
        classes: (n,) 0 to K - 1, ascending.
        threshold: of a map, below 1.

    Raises:
        ValueError: other shapes or values.

    """
    check_maps(maps, classes, name)
    if not 0 <= threshold < 1:
        raise ValueError(f'threshold must be in 0..1, below 1, got {threshold}')
    sides = torch.tensor(maps.shape[1:] * 2)
    lines = []
    for label, own in zip(classes.tolist(), torch.from_numpy(maps), strict=True):
        for top, left, bottom, right in (area_boxes(own > threshold) / sides).tolist():
            middle = (left + right) / 2, (top + bottom) / 2
            lines.append(' '.join([str(label), *(f'{value:.6f}' for value in (*middle, right - left, bottom - top))]))
    path = target(out, name, '.txt')
    write_atomically(path, lambda file: file.write(''.join(f'{line}\n' for line in lines).encode()))
    return path
