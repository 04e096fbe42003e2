"""Keeps Python's garbage collector from stopping a big sandbox.

A full collection looks at every stored object, and ten thousand Pods take it some sixty
milliseconds, again and again while they change. Stored objects have no circles and go without it.
So once a full collection takes noticeably long, what survived it is never looked at again: it was
just found to be no garbage. What is in a circle then and dropped later stays: a handful of objects
per connection that was open at that moment.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from typing import Any

NOTICEABLE = 0.01
"""CPU seconds of one collection."""
_FULL = 2
THRESHOLDS = (700, 10, 3)
"""Python's own, but a full collection comes after four of the middle generation, not eleven: while
slow watchers hold thousands of changes it finds a third as much, and stops the server a third as
long."""


class Pauses:
    """A callback for `gc.callbacks`. `spent` tells CPU seconds of this thread."""

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
    """Begin. What lives now lives until the end: the collector need not look at it again."""
    gc.set_threshold(*THRESHOLDS)
    gc.collect()
    gc.freeze()
    gc.collect()  # else the next waits until a quarter of what was frozen has gathered
    gc.callbacks.append(pauses)
