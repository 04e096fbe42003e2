"""Keeps Python's garbage collector from pausing a big sandbox.

A full collection visits every stored object: for ten thousand Pods that takes some sixty
milliseconds, again and again while they change. Stored objects have no cycles and do not need it.
So once a full collection takes noticeably long, its survivors are never visited again: it has just
found that they are not garbage. Cycles among them that are dropped later stay: a handful of objects
per connection that was open at that moment.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from typing import Any

NOTICEABLE = 0.01
"""CPU seconds from which one collection counts as long."""
_FULL = 2
THRESHOLDS = (700, 10, 3)
"""Python's own, but a full collection comes after four of the middle generation, not eleven: while
slow watchers hold thousands of changes it finds a third as much, and stops the server a third as
long."""


class Pauses:
    """A callback for `gc.callbacks`. `spent` returns CPU seconds of this thread."""

    def __init__(
        self,
        spent: Callable[[], float] = time.thread_time,
        freeze: Callable[[], None] = gc.freeze,
    ) -> None:
        self._spent = spent
        self._freeze = freeze
        self._began = 0.0

    def __call__(self, phase: str, info: Mapping[str, Any]) -> None:
        if info["generation"] != _FULL:
            return
        if phase == "start":
            self._began = self._spent()
        elif self._spent() - self._began > NOTICEABLE:
            self._freeze()


def attend(pauses: Pauses) -> None:
    """Begin. Objects that exist now live until the end: the collector can skip them."""
    gc.set_threshold(*THRESHOLDS)
    gc.collect()
    gc.freeze()
    gc.collect()  # otherwise the next one waits for a quarter of the frozen number
    gc.callbacks.append(pauses)
