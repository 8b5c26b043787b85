"""Files of pseudo labels: their places, their palette, and writing them whole."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image

from gain_plugin.images import read_image


def label_path(out_dir: Path, name: str) -> Path:
    """Where the labels of an image are."""
    return out_dir / f'{name}.png'


def counts_path(out_dir: Path, name: str) -> Path:
    """Where the ``LabelCounts`` of an image are."""
    return out_dir / 'counts' / f'{name}.npz'


def saliency_path(folder: str, name: str) -> Path:
    """Where the saliency of an image is."""
    return Path(folder) / f'{name}.png'


def write_whole(path: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Write a file that has its name only when it is complete."""
    part = path.with_name(f'.{path.name}.part')
    try:
        with part.open('wb') as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())  # or the name may outlive the content
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def voc_palette() -> list[int]:
    """The 256 colours of PASCAL VOC: the bits of a number, by turns to red, green and blue, highest first."""
    numbers = np.arange(256)[:, None]
    bits = [((numbers >> (3 * step + np.arange(3))) & 1) << (7 - step) for step in range(8)]
    return np.bitwise_or.reduce(bits).ravel().tolist()


def read_saliency(path: Path) -> np.ndarray:
    """Saliency (H, W) uint8, 255 for the most salient; ValueError names a file that cannot be read or has 0 and 1."""
    grey = np.asarray(Image.fromarray(read_image(path)).convert('L'))
    if grey.max() == 1:
        raise ValueError(f'{path} has 0 and 1 alone, of 255: multiply it by 255')
    return grey
