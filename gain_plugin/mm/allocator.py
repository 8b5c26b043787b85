"""How the C library treats memory that a training step frees, for processes that do nothing but train."""

import ctypes
import logging
import sys

import torch

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of malloc.h
_NEVER = 2**31 - 1


def keep_freed_memory(logger: logging.Logger) -> bool:
    """Have glibc keep what a step frees for the next one, where training runs on CPUs; says so in the log.

    By default glibc gives large blocks back to the system, which clears each page when it is asked for again.

    Returns:
        Whether that was done: not beside a GPU, nor with another C library.

    """
    if torch.cuda.is_available() or not sys.platform.startswith('linux'):
        return False
    mallopt = getattr(ctypes.CDLL(None), 'mallopt', None)
    if mallopt is None:
        return False
    kept = bool(mallopt(_M_MMAP_MAX, 0) and mallopt(_M_TRIM_THRESHOLD, _NEVER))
    if kept:
        logger.info('training on CPUs: memory that a step frees is kept for the next one (mallopt)')
    return kept
