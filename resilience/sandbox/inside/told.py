"""Signals for a whole process, as Go's runtime hears them: whichever thread they reach.

The kernel may hand a process's signal to any thread, above all to one that was just started, and
CPython runs a handler only when the main thread continues. One that is blocked on a lock does not:
a server with a thread for each request would now and then miss its SIGTERM. Here the main thread
waits for the byte that the handler in C writes on every thread.
"""

from __future__ import annotations

import os
import signal


class Told:
    """From now on these signals only end `wait`. One per process, made on the main thread."""

    def __init__(self, *numbers: int) -> None:
        self._numbers = numbers
        self._number = 0
        self._read, write = os.pipe()
        os.set_blocking(write, False)
        for number in numbers:
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)

    def wait(self) -> int:
        """Block until one of the signals came; the first one. On the main thread."""
        while not self._number:
            (number,) = os.read(self._read, 1)
            self._number = number if number in self._numbers else 0
        return self._number

    @property
    def is_set(self) -> bool:
        """Whether `wait` has ended; on any thread."""
        return bool(self._number)
