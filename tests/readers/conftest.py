import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def photo(tmp_path):
    """Write a photo below ``tmp_path``, 8 pixels wide and 6 high unless told."""

    def write(name: str, width: int = 8, height: int = 6) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(path)
        return path

    return write


@pytest.fixture
def write(tmp_path):
    """Write text, or what is not text as JSON, below ``tmp_path``."""

    def write(name: str, content: object) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), 'utf-8')
        return path

    return write
