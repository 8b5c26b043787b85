"""Lists of images: text files with one id a line."""

import re
from pathlib import Path

FROM_ROOT = re.compile(r'/JPEGImages/(\S+)(\s+/\S+)?')
"""A line of AffinityNet's and SEAM's lists: a photo and its mask, from the root on."""


def read_list(path: Path) -> list[str]:
    """The ids, in order, without the blanks around them; empty lines are left out.

    An id is the path of an image below its folder, with or without extension; it may have blanks in it. Of lines as
    ``/JPEGImages/a.jpg /SegmentationClassAug/a.png`` it is ``a.jpg``.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is not UTF-8, has no id or has one twice; names the file and the line.

    """
    lines: dict[str, int] = {}
    for number, line in enumerate(read_text(path, 'the list of images').split('\n'), 1):
        name = line.strip()
        from_root = FROM_ROOT.fullmatch(name)
        name = from_root[1] if from_root else name
        if name in lines:
            raise ValueError(f'{path}, line {number}: {name!r} is in line {lines[name]} already: remove one of the two')
        if name:
            lines[name] = number
    if not lines:
        raise ValueError(f'the list of images {path} is empty')
    return list(lines)


def read_text(path: Path, what: str = 'the file') -> str:
    """A text file in UTF-8, with any line ends, with or without a byte order mark; errors say ``what`` it is."""
    if path.is_dir():
        raise ValueError(f'{what} {path} is a folder: name a file')
    if not path.is_file():
        raise FileNotFoundError(f'{what} {path} is not there')
    try:
        text = path.read_text('utf-8-sig')
    except UnicodeDecodeError as error:
        raise ValueError(f'{what} {path} is not UTF-8 (byte {error.start}): save it as UTF-8') from error
    if '\0' in text:
        raise ValueError(f'{what} {path} has bytes that are no text: save it as UTF-8')
    return text
