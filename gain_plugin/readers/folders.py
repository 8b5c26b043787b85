"""Class folders: ``root/cat/1.jpg``, ``root/hot dog/2.png``."""

from collections.abc import Sequence
from pathlib import Path

from gain_plugin.readers.annotations import Annotations, Photo, classes_of, number_of
from gain_plugin.readers.files import check_folder, is_hidden, is_photo


def read_folders(root: Path, classes: Sequence[str] | None = None) -> Annotations:
    """One class a photo, which is the name of the folder that it is in.

    Args:
        root: the folder of the class folders.
        classes: names of the folders in the order of the labels; sorted by name if None.

    Raises:
        FileNotFoundError: ``root`` is no folder.
        ValueError: photos beside the class folders or in folders within them, a class folder without photos, or a
            folder that is none of ``classes``.

    """
    check_folder(root)
    folders = sorted(path for path in root.iterdir() if path.is_dir() and not is_hidden(path))
    _check(root, folders)
    classes = classes_of((folder.name for folder in folders), classes)
    photos, others = [], []
    for folder in folders:
        label = number_of(folder.name, classes, root)
        for path in sorted(folder.iterdir()):
            if is_photo(path):
                photos.append(Photo(path.relative_to(root).as_posix(), (label,)))
            elif not is_hidden(path):
                others.append(path.relative_to(root).as_posix())
    notes = (f'{len(others)} files are no photos and were left out, as {others[0]}',) if others else ()
    return Annotations(root, classes, tuple(photos), notes)


def _check(root: Path, folders: Sequence[Path]) -> None:
    if not folders:
        raise ValueError(f'{root} has no class folders: it must hold one folder of photos a class')
    loose = next((path for path in sorted(root.iterdir()) if path.is_file() and is_photo(path)), None)
    if loose:
        raise ValueError(f'{loose} is in no class folder: move it into one')
    for folder in folders:
        deeper = next((path for path in sorted(folder.glob('*/**/*')) if is_photo(path) and path.is_file()), None)
        if deeper:
            raise ValueError(f'{deeper} is too deep for root/class/photo: is {folder} the root?')
        if not any(is_photo(path) for path in folder.iterdir()):
            raise ValueError(f'the class folder {folder} has no photo: remove it, or fill it')
