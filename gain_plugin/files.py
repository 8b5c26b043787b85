"""Files that are never there in part."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any


def write_atomically(path: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Write a file that has its name only when it is complete."""
    part = path.with_name(f'.{path.name}.part')
    try:
        with part.open('wb') as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())  # or the name may outlive the content
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
