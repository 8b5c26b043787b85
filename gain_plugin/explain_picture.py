"""One picture of what a classifier sees in a photo. Needs matplotlib."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from gain_plugin.explain import Explained
from gain_plugin.pictures import overlay

TITLES = ('photo', 'where it looks', 'soft mask', 'erased')
WIDTH = 3.2  # of a photo, in inches


def draw_explained(photo: np.ndarray, seen: Explained, classes: Sequence[str], path: str | Path) -> None:
    """Write a row for each class: the photo, its map, the soft mask and the erased photo with what the score fell to.

    Args:
        photo: (H, W, 3) uint8 RGB.
        seen: what ``explain`` gave.
        classes: (K,) names.
        path: of the picture, whose ending says the format.

    """
    rows = len(seen.classes)
    tall = min(max(photo.shape[0] / photo.shape[1], 0.4), 2.5) * WIDTH
    figure = Figure(figsize=(len(TITLES) * WIDTH, rows * (tall + 0.35)), layout='constrained')
    axes = figure.subplots(rows, len(TITLES), squeeze=False)
    for row, line in enumerate(axes):
        name = classes[seen.classes[row]]
        line[0].imshow(photo)
        line[1].imshow(overlay(photo, seen.maps[row]))
        line[2].imshow(seen.masks[row].numpy(), cmap='gray', vmin=0, vmax=1)
        line[3].imshow(seen.erased[row], aspect='auto')
        line[3].set_box_aspect(photo.shape[0] / photo.shape[1])
        texts = (
            _short(name),
            f'{TITLES[1]}: {seen.before[row]:.3f}' + ('' if seen.maps[row].any() else ', nothing speaks for it'),
            TITLES[2],
            f'{TITLES[3]}: {seen.before[row]:.3f} → {seen.after[row]:.3f}',
        )
        for axis, text in zip(line, texts, strict=True):
            axis.set_title(text, fontsize=10, parse_math=False)
            axis.set(xticks=[], yticks=[])
    figure.savefig(path, dpi=100)


def _short(name: str, length: int = 36) -> str:
    return name if len(name) <= length else name[: length - 1] + '…'
