"""Which file in a folder an id means."""

import os
import re
import unicodedata
from collections import defaultdict
from functools import cache
from pathlib import Path

from PIL import Image


class Folder:
    """The pictures in a folder and the folders below it, by id. Each folder is listed once, when it is first needed.

    Args:
        root: the folder.

    Raises:
        FileNotFoundError: no such folder.

    """

    def __init__(self, root: str | Path) -> None:
        self.root = str(Path(root))
        self._listed: dict[str, dict[str, list[str]]] = {}
        if not os.path.isdir(self.root):
            raise FileNotFoundError(f'the folder {self.root} is not there')

    def find(self, name: str, but: str | None = None) -> str | None:
        """Path of the picture of an id, whose extension may lack; None if there is none.

        Args:
            name: path below the folder, with slashes of either kind.
            but: a path that is not meant.

        Raises:
            ValueError: a path that leaves the folder, or several pictures that it may mean.

        """
        folder, _, base = self._inside(name).replace(os.sep, '/').rpartition('/')
        known = self._listed.get(folder) or self._list(folder)
        found = known.get(base, [])
        if '.' in base:  # with its extension, if it has one that fits
            found = [one for one in known.get(without_extension(base), ()) if one == base] or found
        below = os.path.join(self.root, folder, '')
        paths = [below + one for one in found if below + one != but]
        if len(paths) > 1:
            raise ValueError(f'{name!r} may be any of {paths}: write the extension, or remove the others')
        return paths[0] if paths else None

    def hint(self, name: str) -> str:
        """For an error: a file in its place whose name differs in case, in extension, or in how accents are encoded.

        Or else the first of several columns, if that is a picture.
        """
        first = re.split(r'[\s,;]', name)[0]
        if first != name and self.find(first):
            return f'; a line names one photo and has no other columns: keep {first!r} of it'
        folder, base = os.path.split(self._inside(name))
        path = os.path.join(self.root, folder)
        files = sorted(os.listdir(path)) if os.path.isdir(path) else []
        meant = {_folded(base), _folded(os.path.splitext(base)[0])}
        found = [one for one in files if _folded(os.path.splitext(one)[0]) in meant]
        return f'; did you mean {found[0]!r}?' if found else ''

    def _inside(self, name: str) -> str:
        if name and not re.search(r'[\\:]|^/|//|\.\.|\./|\0|/$', name):
            return name  # as almost all are, of a million
        path = os.path.normpath(name.replace('\\', '/'))
        if os.path.isabs(path):
            path = os.path.relpath(path, self.root)
        if path.split(os.sep)[0] == os.pardir or '\0' in path:
            raise ValueError(
                f'{name!r} is not below {self.root}: give it as a path below, or a wider folder in data_prefix'
            )
        return path

    def _list(self, folder: str) -> dict[str, list[str]]:
        """Names of the pictures by what they are without extension."""
        if folder not in self._listed:
            names = defaultdict(list)
            path = os.path.join(self.root, folder)
            for name in sorted(os.listdir(path)) if os.path.isdir(path) else ():
                stem = without_extension(name)
                if stem is not name and name[0] != '.':  # a picture that is not hidden
                    names[stem].append(name)
            self._listed[folder] = dict(names)
        return self._listed[folder]


def _folded(name: str) -> str:
    return unicodedata.normalize('NFC', name).casefold()


def is_picture(name: str) -> bool:
    """Whether the extension is one that Pillow opens, of a file that is not hidden."""
    return not name.startswith('.') and os.path.splitext(name)[1].lower() in _extensions()


def without_extension(name: str) -> str:
    """The name without an extension that Pillow opens; other dots are part of it."""
    stem, _, extension = name.rpartition('.')
    known = f'.{extension}'.lower() in _extensions()
    return stem if known and stem.rpartition('/')[2].strip('.') else name


@cache
def _extensions() -> frozenset[str]:
    known = Image.registered_extensions()
    return frozenset(extension for extension, kind in known.items() if kind in Image.OPEN)
