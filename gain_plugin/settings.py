"""Checks of settings: an error names the setting, what it may be and what it was."""

import math
from collections.abc import Collection
from numbers import Real
from typing import Any


def is_number(given: Any) -> bool:
    """Whether it is a finite number; True and False are none."""
    return isinstance(given, Real) and not isinstance(given, bool) and math.isfinite(given)


def check_choice(name: str, given: Any, choices: Collection[str], *, function: bool = False) -> None:
    """Raise a ValueError unless ``given`` is one of the names or, if it may be, a ``function``."""
    if function and callable(given):
        return
    if not isinstance(given, str) or given not in choices:
        own = ' or a function or an object of your own' * function
        raise ValueError(f'{name} must be one of {tuple(choices)}{own}, got {given!r}')


def check_flag(name: str, given: Any) -> None:
    """Raise a ValueError unless ``given`` is True or False."""
    if not isinstance(given, bool):
        raise ValueError(f'{name} must be True or False, got {given!r}')


def check_count(name: str, given: Any) -> None:
    """Raise a ValueError unless ``given`` is a whole number of 1 or more."""
    if not isinstance(given, int) or isinstance(given, bool) or given < 1:
        raise ValueError(f'{name} must be a whole number of 1 or more, got {given!r}')


def check_function(name: str, given: Any) -> None:
    """Raise a ValueError unless ``given`` is None or can be called."""
    if given is not None and not callable(given):
        raise ValueError(f'{name} must be a function, got {given!r}')
