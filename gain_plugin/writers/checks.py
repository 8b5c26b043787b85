"""What every writer asks of maps, and where their file is."""

from pathlib import Path, PurePosixPath

import numpy as np


def target(out: Path, name: str, suffix: str) -> Path:
    """The file of an image, whose folder is made; ValueError for a name that leads out of ``out``."""
    inside = PurePosixPath(name)
    if not name or inside.is_absolute() or '..' in inside.parts:
        raise ValueError(f'the name {name!r} must be a path below {out}')
    path = out / f'{name}{suffix}'
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def check_maps(maps: np.ndarray, classes: np.ndarray, name: str) -> None:
    """ValueError unless these are maps (n, H, W) in 0..1 of classes (n,), ascending; names the image."""
    if maps.ndim != 3 or classes.shape != maps.shape[:1]:
        raise ValueError(f'{name}: maps must be (n, H, W) and classes (n,), they are {maps.shape} and {classes.shape}')
    if (np.diff(classes) <= 0).any() or (classes < 0).any():
        raise ValueError(f'{name}: classes must ascend from 0 on, each once, they are {classes.tolist()}')
    if maps.size and not (maps.min() >= 0 and maps.max() <= 1):  # false for NaN
        raise ValueError(f'{name}: maps must be in 0..1, they are in {maps.min():g}..{maps.max():g}')
