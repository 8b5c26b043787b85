"""Names of classes in the cells of a table."""

import difflib
import re
from collections.abc import Iterable, Sequence

CLOSE = 0.6
"""Of difflib's ratio: from here on a name is offered as the one that was meant."""


class TagNames:
    """Reads which classes a cell names, with blanks, ``,`` ``;`` or ``|`` between.

    Args:
        classes: to learn, in the order of the scores.
        others: names that may be there, too, and are no labels.

    """

    def __init__(self, classes: Sequence[str], others: Iterable[str] = ()) -> None:
        self._indices = {name: index for index, name in enumerate(classes)}
        self._names = sorted({*classes, *others})
        self._known = set(self._names)
        self._longest = max((len(name.split()) for name in self._names), default=1)
        self._read: dict[str, tuple[int, ...]] = {}  # a million rows have few different cells

    def read(self, cell: str, where: str) -> tuple[int, ...]:
        """Indices of the classes in a cell; ValueError names ``where`` it is and the closest class."""
        if cell not in self._read:
            self._read[cell] = tuple(self._indices[name] for name in self._split(cell, where) if name in self._indices)
        return self._read[cell]

    def check(self, name: str, where: str) -> str:
        """The name, if it is known."""
        if name in self._known:
            return name
        by_lower = {known.lower(): known for known in self._names}
        close = difflib.get_close_matches(name.lower(), by_lower, 1, CLOSE)
        hint = f'; did you mean {by_lower[close[0]]!r}?' if close else f', which are {self._names}'
        raise ValueError(f'{where}: {name!r} is none of the classes{hint}')

    def _split(self, cell: str, where: str) -> list[str]:
        if cell in self._known:
            return [cell]
        parts = [part.strip() for part in re.split('[,;|]', cell)]
        if len(parts) > 1:
            return [self.check(part, where) for part in parts if part]
        return self._by_blanks(cell.split(), where)

    def _by_blanks(self, words: Sequence[str], where: str) -> list[str]:
        """A name may have blanks itself: the longest that fits is taken."""
        names = []
        while words:
            lengths = range(min(self._longest, len(words)), 0, -1)
            fitting = [count for count in lengths if ' '.join(words[:count]) in self._known]
            count = fitting[0] if fitting else 1
            names.append(self.check(' '.join(words[:count]), where))
            words = words[count:]
        return names
