"""Tables: a CSV of image-level labels, and a folder of masks beside it."""

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from gain_plugin.readers.annotations import Annotations, Photo, check_name
from gain_plugin.readers.files import find_photo, photos_below
from gain_plugin.tags import class_names, read_tags


def read_table(path: Path, root: Path, classes: Sequence[str] | None = None, masks: Path | None = None) -> Annotations:
    """The photos that a CSV names, with their labels, in the forms of ``gain_plugin.tags``.

    Args:
        path: the file, in UTF-8.
        root: the folder of the photos.
        classes: names in the order of the labels. Those that the table names, as ``class_names`` has them, if None.
        masks: folder with masks of some photos, under their names.

    Raises:
        FileNotFoundError: a file, a folder or a photo that is not there, or not one mask.
        ValueError: another form, no row, or a label that is none of ``classes``; names the file and the line.

    """
    names = tuple(classes or class_names(path))
    found: dict[str, set[int]] = {}
    for key, labels in read_tags(path, names).labels.items():
        found.setdefault(find_photo(root, check_name(key, path), path), set()).update(labels)
    if not found:
        raise ValueError(f'{path} has no row of a photo')
    drawn = _masks(masks, found) if masks else {}
    photos = (Photo(name, tuple(sorted(own)), mask=drawn.get(name)) for name, own in found.items())
    notes = () if classes else (f'{path} names the classes {list(names)}; --classes sets others, as with blanks',)
    return Annotations(root, names, tuple(photos), notes)


def _masks(folder: Path, names: Iterable[str]) -> dict[str, Path]:
    """The mask of each photo that has one."""
    paths = {path.relative_to(folder).with_suffix('').as_posix(): path for path in photos_below(folder)}
    drawn = {name: paths.get(PurePosixPath(name).with_suffix('').as_posix()) for name in names}
    masks = {name: path for name, path in drawn.items() if path is not None}
    if not masks:
        raise FileNotFoundError(f'{folder} has no mask with the name of a photo, as {next(iter(names))}')
    return masks
