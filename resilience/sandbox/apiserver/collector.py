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
