"""Plain arrays, which NumPy reads without unpickling."""

from pathlib import Path

import numpy as np

from gain_plugin.files import write_atomically
from gain_plugin.writers.checks import check_maps, target


def write_arrays(out: Path, name: str, maps: np.ndarray, classes: np.ndarray) -> Path:
    """Write ``<name>.npz`` with ``maps`` (n, H, W) float32 and ``classes`` (n,) int64.

    Args:
        out: folder.
        name: of the image.
        maps: (n, H, W) in 0..1.
        classes: (n,) 0 to K - 1, ascending.

    Raises:
        ValueError: other shapes or values.

    """
    check_maps(maps, classes, name)
    path = target(out, name, '.npz')
    values, labels = maps.astype(np.float32), classes.astype(np.int64)
    write_atomically(path, lambda file: np.savez_compressed(file, maps=values, classes=labels))
    return path
