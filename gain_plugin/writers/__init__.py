"""Attention maps as files that other second stages read, one form a file.

Each writer takes the folder, the name of an image, its maps (n, H, W) in 0..1 and the classes (n,) these belong to,
ascending, 0 to K - 1. It gives the path that it wrote, in the sub-folders that the name has.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from gain_plugin.writers.arrays import write_arrays
from gain_plugin.writers.boxes import write_boxes
from gain_plugin.writers.irn import write_irn
from gain_plugin.writers.psa import write_psa

WRITERS: dict[str, Callable[[Path, str, np.ndarray, np.ndarray], Path]] = {
    'arrays': write_arrays,
    'boxes': write_boxes,
    'irn': write_irn,
    'psa': write_psa,
}

__all__ = ['WRITERS', 'write_arrays', 'write_boxes', 'write_irn', 'write_psa']
