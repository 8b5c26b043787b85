"""What every reader gives: photos, their image-level labels and what was drawn on them."""

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gain_plugin.masks import is_background
from gain_plugin.photos import without_extension


@dataclass(frozen=True)
class Region:
    """What somebody drew on a photo.

    Attributes:
        label: index of its class; None where the pixels say nothing, as in a crowd.
        box: left, top, right, bottom in pixels; the photo is from (0, 0) to (width, height).
        outline: polygons ``[x1, y1, x2, y2, ...]`` in pixels or a run-length code, both as COCO has them; None where
            there is the box alone.

    """

    label: int | None
    box: tuple[float, float, float, float]
    outline: list[list[float]] | dict | None = None


@dataclass(frozen=True)
class Photo:
    """A photo and what is known of it.

    Attributes:
        name: its path below the root, with ``/`` and its extension.
        labels: indices of its classes, ascending; none of them: all background.
        regions: everything that was drawn on it; None where nobody drew.
        mask: file of a mask of the whole photo (0 background, c + 1 for class c, 255 unknown), a picture or one of
            SBD's ``.mat``.
        size: height and width of the photo that the annotations are for; None where the format does not say.

    """

    name: str
    labels: tuple[int, ...]
    regions: tuple[Region, ...] | None = None
    mask: Path | None = None
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Annotations:
    """All photos of a source.

    Attributes:
        root: the folder that their names are relative to.
        classes: names, in the order of the labels.
        photos: at least one, no name twice.
        notes: sentences about what was left out or taken for granted.

    Raises:
        ValueError: no photo, no class, a photo outside of the root or with the name of another, whatever its extension,
            a class without a name, twice or called background, or labels that are none of the classes.

    """

    root: Path
    classes: tuple[str, ...]
    photos: tuple[Photo, ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.photos:
            raise ValueError(f'{self.root} has no photo')
        if not self.classes or not all(name and name == name.strip() for name in self.classes):
            raise ValueError(f'{self.root}: classes need names without blanks around them, got {list(self.classes)}')
        no_class = [name for name in self.classes if is_background(name)]
        if no_class:
            raise ValueError(f'{self.root}: leave {no_class} out, for what has no label is background')
        for what, names in (('class', self.classes), ('photo', [photo.name for photo in self.photos])):
            twice = [name for name, count in Counter(names).items() if count > 1]
            if twice:
                raise ValueError(f'{self.root}: the {what} {twice[0]!r} is there {names.count(twice[0])} times')
        stems: dict[str, str] = {}
        for photo in self.photos:
            name = check_name(photo.name, self.root)
            before = stems.setdefault(without_extension(name), name)
            if before is not name:
                raise ValueError(
                    f'{self.root}: {before} and {name} would have one mask and one file of labels: rename one'
                )
            if sorted(set(photo.labels)) != [*photo.labels] or not all(
                0 <= i < len(self.classes) for i in photo.labels
            ):
                raise ValueError(
                    f'{self.root}: the labels of {photo.name} must be ascending and below {len(self.classes)}, '
                    f'got {list(photo.labels)}'
                )


def check_name(name: object, where: object) -> str:
    """The name of a photo with ``/``; ValueError, which names ``where``, unless it is a path below the root."""
    if not isinstance(name, str) or not name:
        raise ValueError(f'{where}: the name of a photo must be text, got {name!r}')
    path = PurePosixPath(name.replace('\\', '/'))
    if path.is_absolute() or '..' in path.parts or path.as_posix()[1:2] == ':':
        raise ValueError(f'{where}: the photo {name!r} must be below the root: give its path from there')
    if name != name.strip() or len(name.splitlines()) > 1:
        raise ValueError(f'{where}: rename the photo {name!r}: a list cannot tell blanks around it or line breaks')
    return path.as_posix()


def number_of(name: str, classes: Sequence[str], where: object) -> int:
    """Index of a class; ValueError names ``where`` it was found and the class nearest in spelling."""
    if name in classes:
        return classes.index(name)
    near = difflib.get_close_matches(name, classes, 1, 0.6)
    hint = f' (did you mean {near[0]!r}?)' if near else ''
    raise ValueError(f'{where}: {name!r} is none of the classes {list(classes)}{hint}')


def classes_of(found: Iterable[str], classes: Sequence[str] | None) -> tuple[str, ...]:
    """The classes given, or else those found, sorted; ValueError where two of these differ in capitals alone."""
    if classes is not None:
        return tuple(classes)
    names = sorted(set(found))
    count = Counter(name.lower() for name in names)
    alike = [name for name in names if count[name.lower()] > 1]
    if alike:
        raise ValueError(f'the classes {alike} differ in capitals alone: write them alike, or give --classes')
    return tuple(names)
