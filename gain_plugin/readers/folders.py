"""Class folders: ``root/cat/1.jpg``, ``root/hot dog/2.png``."""

from collections.abc import Sequence
from pathlib import Path

from gain_plugin.masks import is_background
from gain_plugin.photos import is_picture
from gain_plugin.readers.annotations import Annotations, Photo, classes_of, number_of
from gain_plugin.readers.files import check_folder, is_hidden


def read_folders(root: Path, classes: Sequence[str] | None = None, split: str | None = None) -> Annotations:
    """One class a photo, which is the name of the folder that it is in; photos in ``background`` have none.

    Args:
        root: the folder of the class folders.
        classes: names of the folders in the order of the labels; sorted by name if None.
        split: a folder of ``root`` that has the class folders, as ``train``; if there is none of this name or it is
            None, ``root`` has them.

    Raises:
        FileNotFoundError: ``root`` is no folder.
        ValueError: photos beside the class folders or in folders within them, a class folder without photos, or a
            folder that is none of ``classes``.

    """
    check_folder(root)
    own = root / split if split else root
    divided = own.is_dir() and any(path.is_dir() and not is_hidden(path) for path in own.iterdir())
    top = own if divided else root  # train may be a class, too
    folders = sorted(path for path in top.iterdir() if path.is_dir() and not is_hidden(path))
    _check(top, folders)
    classes = classes_of((folder.name for folder in folders if not is_background(folder.name)), classes)
    photos, others = [], []
    for folder in folders:
        labels = () if is_background(folder.name) else (number_of(folder.name, classes, root),)
        for path in sorted(folder.iterdir()):
            if is_picture(path.name):
                photos.append(Photo(path.relative_to(root).as_posix(), labels))
            elif not is_hidden(path):
                others.append(path.relative_to(root).as_posix())
    notes = (f'{len(others)} files are no photos and were left out, as {others[0]}',) if others else ()
    return Annotations(root, classes, tuple(photos), notes)


def _check(root: Path, folders: Sequence[Path]) -> None:
    if not folders:
        raise ValueError(f'{root} has no class folders: it must hold one folder of photos a class')
    loose = next((path for path in sorted(root.iterdir()) if path.is_file() and is_picture(path.name)), None)
    if loose:
        raise ValueError(f'{loose} is in no class folder: move it into one')
    for folder in folders:
        below = (path for path in sorted(folder.glob('*/**/*')) if path.is_file())
        deeper = next((path for path in below if is_picture(path.name)), None)
        if deeper:
            raise ValueError(
                f'{deeper} is too deep for root/class/photo: is {folder} the root, or {folder.name!r} a split?'
            )
        if not any(is_picture(path.name) for path in folder.iterdir()):
            raise ValueError(f'the class folder {folder} has no photo: remove it, or fill it')
