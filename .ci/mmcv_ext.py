"""Stands in for mmcv's compiled operators, ``mmcv._ext``, where ``mmcv-lite`` is installed without them.

mmseg imports all of them at once; FCN, DeepLabV3+ and SegFormer call none.
"""

from collections.abc import Callable
from typing import NoReturn


def __getattr__(name: str) -> Callable[..., NoReturn]:
    def operator(*args: object, **kwargs: object) -> NoReturn:
        raise NotImplementedError(f'{name} is compiled code, which mmcv-lite leaves out')

    return operator
