"""``cls_labels.npy``, the dict of multi-hot vectors that many weakly supervised projects hand on."""

from collections.abc import Sequence
from pathlib import Path

from gain_plugin.label_vectors import read_vectors
from gain_plugin.masks import VOC_CLASSES
from gain_plugin.readers.annotations import Annotations, Photo, check_name
from gain_plugin.readers.files import find_photo


def read_npy(path: Path, root: Path, classes: Sequence[str] | None = None) -> Annotations:
    """The photos that the dict names, with the labels of its vectors.

    Args:
        path: as in ``read_vectors``; names of photos may lack their extension.
        root: the folder of the photos.
        classes: names in the order of the vectors; VOC's if None.

    Raises:
        FileNotFoundError: no such file, or a photo that is not there.
        ValueError: another content, a vector that is not 0 and 1 for every class; names the file and the photo.

    """
    names = tuple(VOC_CLASSES if classes is None else classes)
    vectors = read_vectors(path, len(names))
    photos = [Photo(find_photo(root, check_name(name, path), path), labels) for name, labels in vectors.items()]
    return Annotations(root, names, tuple(sorted(photos, key=lambda photo: photo.name)))
