"""The dicts of IRN (Ahn et al., CVPR 2019), which AMN, ReCAM and many others have taken over."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from gain_plugin.files import write_atomically
from gain_plugin.writers.checks import check_maps, target

STRIDE = 4  # of IRN's ``cam``


def write_irn(out: Path, name: str, maps: np.ndarray, classes: np.ndarray) -> Path:
    """Write ``<name>.npy``: ``keys`` (n,), ``high_res`` (n, H, W) and ``cam`` (n, H / 4, W / 4), rounded up.

    ``cam`` is a tensor, since IRN moves it to a GPU as it is. To read it: ``np.load(path, allow_pickle=True).item()``.

    Args:
        out: folder.
        name: of the image.
        maps: (n, H, W) in 0..1.
        classes: (n,) 0 to K - 1, ascending; IRN itself adds one for the background.

    Raises:
        ValueError: other shapes or values.

    """
    check_maps(maps, classes, name)
    size = [-(-side // STRIDE) for side in maps.shape[1:]]
    whole = torch.from_numpy(maps.astype(np.float32))
    small = F.interpolate(whole[:, None], size, mode='bilinear', align_corners=False)[:, 0]
    content = {'keys': classes.astype(np.int64), 'cam': small, 'high_res': whole.numpy()}
    path = target(out, name, '.npy')
    write_atomically(path, lambda file: np.save(file, np.array(content, object)))
    return path
