"""The dicts of PSA (Ahn and Kwak, CVPR 2018)."""

from pathlib import Path

import numpy as np

from gain_plugin.files import write_atomically
from gain_plugin.writers.checks import check_maps, target


def write_psa(out: Path, name: str, maps: np.ndarray, classes: np.ndarray) -> Path:
    """Write ``<name>.npy``: a dict of each class, 0 to K - 1, to its map (H, W) float32.

    To read it: ``np.load(path, allow_pickle=True).item()``.

    Args:
        out: folder.
        name: of the image.
        maps: (n, H, W) in 0..1.
        classes: (n,) 0 to K - 1, ascending; PSA itself adds one for the background.

    Raises:
        ValueError: other shapes or values.

    """
    check_maps(maps, classes, name)
    content = {int(label): own for label, own in zip(classes, maps.astype(np.float32), strict=True)}
    path = target(out, name, '.npy')
    write_atomically(path, lambda file: np.save(file, np.array(content, object)))
    return path
