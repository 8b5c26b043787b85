"""Photos and JSON on the disk, with errors that name the file."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from gain_plugin.images import ORIENTATION
from gain_plugin.lists import read_text
from gain_plugin.photos import is_picture

SYSTEM_FILES = ('Thumbs.db', 'desktop.ini')


def is_hidden(path: Path) -> bool:
    """Whether a file is one that systems leave in folders."""
    return path.name.startswith('.') or path.name in SYSTEM_FILES


def photos_below(folder: Path) -> Iterator[Path]:
    """All photos in a folder and the folders in it, sorted; FileNotFoundError if it is none."""
    check_folder(folder)
    yield from sorted(path for path in folder.rglob('*') if is_picture(path.name) and path.is_file())


def check_folder(folder: Path) -> None:
    """FileNotFoundError unless it is a folder."""
    if not folder.is_dir():
        raise FileNotFoundError(f'{folder} is not a folder')


def find_photo(root: Path, name: str, where: object) -> str:
    """The name of a photo with its extension, where it may lack; errors name ``where`` it is listed.

    Raises:
        FileNotFoundError: no such photo below ``root``.
        ValueError: photos with several extensions.

    """
    path = root / name
    if path.is_file():
        return name
    found = sorted(one.name for one in path.parent.glob(f'{_literal(path.name)}.*') if is_picture(one.name))
    found = [one for one in found if Path(one).stem == path.name]
    if not found:
        raise FileNotFoundError(f'{path}, which {where} lists, is not there')
    if len(found) > 1:
        raise ValueError(f'{where}: {name} may be any of {found} in {path.parent}: remove the others')
    return (Path(name).parent / found[0]).as_posix()


def photo_size(path: Path) -> tuple[int, int]:
    """Height and width, upright as its EXIF entry says; ValueError names a file that is no photo."""
    try:
        with Image.open(path) as image:
            turned = image.getexif().get(ORIENTATION, 1) >= 5  # by a quarter
            return (image.width, image.height) if turned else (image.height, image.width)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ValueError(f'cannot read {path}: {error}') from error


def read_json(path: Path) -> Any:
    """The content; ValueError names a file that cannot be read."""
    text = read_text(path)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f'cannot read {path}: {error}') from error


def size_or_none(height: object, width: object, where: object) -> tuple[int, int] | None:
    """Height and width in pixels, None where one lacks or is 0; ValueError names ``where`` they are no numbers."""
    if not height or not width:
        return None
    if not isinstance(height, int) or not isinstance(width, int) or min(height, width) < 0:
        raise ValueError(f'{where}: height and width must be numbers of pixels, got {height!r} and {width!r}')
    return height, width


def _literal(name: str) -> str:
    """A pattern of glob that means the name itself."""
    return ''.join(f'[{letter}]' if letter in '[*?' else letter for letter in name)
