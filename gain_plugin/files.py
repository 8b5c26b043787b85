"""Files that are never there in part."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any


def write_atomically(path: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Write a file that has its name only when it is complete, also where another process writes the same one."""
    part = path.with_name(f'.{secrets.token_hex(8)}.part')
    try:
        with part.open('xb') as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())  # or the name may outlive the content
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
