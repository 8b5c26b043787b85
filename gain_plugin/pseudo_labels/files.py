"""Files of pseudo labels: where they are, and whether they are whole."""

from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
from PIL import Image

from gain_plugin.files import write_atomically
from gain_plugin.images import open_picture, read_image
from gain_plugin.masks import voc_palette


def label_path(out_dir: Path, name: str) -> Path:
    """Where the labels of an image are."""
    return out_dir / f'{name}.png'


def counts_path(out_dir: Path, name: str) -> Path:
    """Where the ``LabelCounts`` of an image are."""
    return out_dir / 'counts' / f'{name}.npz'


def given_path(folder: str, name: str) -> Path:
    """Where the saliency or the regions of an image are, in a folder of them."""
    return Path(folder) / f'{name}.png'


def check_folder(out_dir: Path) -> None:
    """Make the folder and try to write to it; ValueError if that fails."""
    counts = out_dir / 'counts'
    try:
        counts.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=counts) as file:
            file.write(b'can be written')
    except OSError as error:
        raise ValueError(f'cannot write to {out_dir}: {error}') from error


def is_labelled(out_dir: Path, name: str) -> bool:
    """Whether the labels of an image are there and whole: a copy that was cut off is not."""
    path = label_path(out_dir, name)
    if not path.is_file():
        return False
    try:
        with Image.open(path) as picture:
            picture.verify()
    except (OSError, SyntaxError, ValueError):  # whatever Pillow makes of a broken PNG
        return False
    return True


def write_label(path: Path, labels: np.ndarray) -> None:
    """Write labels (H, W) uint8 as a PNG with VOC's palette."""
    picture = Image.fromarray(labels)
    picture.putpalette(voc_palette())
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda file: picture.save(file, 'PNG'))


def read_saliency(path: Path) -> np.ndarray:
    """Saliency (H, W) uint8, 255 for the most salient; ValueError names a file that cannot be read or has 0 and 1."""
    grey = np.asarray(Image.fromarray(read_image(path)).convert('L'))
    if grey.max() == 1:
        raise ValueError(f'{path} has 0 and 1 alone, of 255: multiply it by 255')
    return grey


def read_regions(path: Path) -> np.ndarray:
    """Numbers of regions (H, W) int64, upright; ValueError names a file that cannot be read or that has no numbers."""
    with open_picture(path) as picture:
        if picture.mode not in ('1', 'L', 'P') and not picture.mode.startswith('I'):
            raise ValueError(f'regions cannot have the mode {picture.mode}: save their numbers as grey of 8 or 16 bit')
        return np.asarray(picture).astype(np.int64)
