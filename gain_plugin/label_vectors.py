"""``cls_labels.npy``, the dict of multi-hot vectors that many weakly supervised projects hand on."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np


def read_vectors(path: Path, classes: int) -> dict[str, tuple[int, ...]]:
    """Indices of the classes of each image, ascending, by its name in the file. Nothing in it can run code.

    Args:
        path: a file of ``np.save({name: vector})``. Names are text, or VOC's as numbers (2007000032 for 2007_000032),
            as IRN writes them.
        classes: how many a vector has.

    Raises:
        FileNotFoundError: no such file.
        ValueError: another content, a vector that is not 0 and 1 for every class; names the file and the image.

    """
    return {_name(key, path): _labels(vector, classes, f'{path}, {key}') for key, vector in load_dict(path).items()}


def load_dict(path: Path) -> dict:
    """The dict that ``np.save`` put into a file, where it holds nothing but numbers, text and arrays."""
    if not path.is_file():
        raise FileNotFoundError(f'{path} is not there')
    try:
        with path.open('rb') as file:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            _, _, dtype = read(file)
            if dtype != np.dtype(object):
                raise ValueError(f'an array of {dtype}')
            content = _ArraysOnly(file, encoding='latin1').load()
    except Exception as error:  # a damaged pickle raises whatever it likes
        raise ValueError(f'{path} is no dict of multi-hot vectors by np.save: {error}') from error
    content = content.item() if isinstance(content, np.ndarray) and content.shape == () else content
    if not isinstance(content, dict):
        raise ValueError(f'{path} is no dict of multi-hot vectors by np.save: a {type(content).__name__}')
    return content


class _ArraysOnly(pickle.Unpickler):
    """Knows the names that arrays are pickled under, and no other."""

    def find_class(self, module: str, name: str) -> Any:
        core = module.replace('numpy.core', 'numpy._core')  # NumPy 1 and 2
        if (core, name) in ALLOWED:
            return ALLOWED[core, name]
        raise pickle.UnpicklingError(f'it asks for {module}.{name}, which is no array')


def _latin1(text: str, encoding: str) -> bytes:
    """Bytes as protocol 2 keeps them."""
    if encoding != 'latin1':
        raise pickle.UnpicklingError(f'it asks for the encoding {encoding}')
    return text.encode('latin1')


ALLOWED: dict[tuple[str, str], Any] = {
    ('numpy', 'ndarray'): np.ndarray,
    ('numpy', 'dtype'): np.dtype,
    ('numpy._core.multiarray', '_reconstruct'): np.zeros(1).__reduce__()[0],
    ('numpy._core.multiarray', 'scalar'): np.float32(0).__reduce__()[0],
    ('numpy._core.numeric', '_frombuffer'): np.zeros(1).__reduce_ex__(5)[0],
    ('_codecs', 'encode'): _latin1,
}


def _name(key: Any, path: Path) -> str:
    if isinstance(key, str):
        return key
    digits = str(int(key)) if isinstance(key, (int, np.integer)) else ''
    if len(digits) != 10:
        raise ValueError(f'{path}: the name {key!r} is neither text nor a number of VOC, as 2007000032')
    return f'{digits[:4]}_{digits[4:]}'


def _labels(vector: Any, classes: int, where: str) -> tuple[int, ...]:
    values = np.asarray(vector)
    if values.shape != (classes,) or not np.isin(values, (0, 1)).all():
        raise ValueError(f'{where}: a vector of {classes} numbers 0 or 1 is needed, one a class, got {values}')
    return tuple(int(label) for label in values.nonzero()[0])
