"""Processes that do not outlive the one that started them."""

import multiprocessing
import os
import threading


def end_with_parent() -> None:
    """End this process, one of a pool, as soon as the process that started it is gone.

    A pool ends its processes when it is closed. Where it could not be, for its own process was killed, as ``torchrun``
    does to all when one fails, they would wait for work for ever.
    """
    threading.Thread(target=_wait_and_end, daemon=True).start()


def _wait_and_end() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
