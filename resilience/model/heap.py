"""What a loop over many objects asks of Python's garbage collector.

A full collection visits every object of the process: imported modules, reports, what a test run has
collected. Objects of JSON have no cycles, so a loop that makes a hundred thousand of them has the
collector do that again and again, and find nothing.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_blocks = 0


@contextmanager
def only_new_collected() -> Iterator[None]:
    """The collector passes over what exists now while the block runs; new objects are collected as
    ever. Blocks may nest, and run in several threads."""
    global _blocks
    with _lock:
        _blocks += 1
        if _blocks == 1:
            gc.freeze()
    try:
        yield
    finally:
        with _lock:
            _blocks -= 1
            if not _blocks:
                gc.unfreeze()
