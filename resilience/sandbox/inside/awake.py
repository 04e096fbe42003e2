"""Waits that a signal always ends.

`time.sleep` and `os.waitpid` miss a signal that comes after the interpreter last looked for one and
before the system call: its handler would run only after the wait. Here the byte that the handler in
C writes ends the wait, whenever it comes. For the main thread, where Python handles signals.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

LONGEST = 86400.0
"""Seconds for one system call; it cannot be asked to wait without end in seconds."""


def sleep(seconds: float) -> None:
    """As `time.sleep`: handlers run at once, and what they raise ends it. `math.inf` is allowed."""
    end = time.monotonic() + seconds
    with _told() as told:
        while (left := end - time.monotonic()) > 0:
            _wait([told], told, min(left, LONGEST))


def wait_for_end(child: int) -> int:
    """The status of a child, as `os.waitpid` gives it; what a handler raises ends the wait.
    ChildProcessError if there is no such child."""
    try:
        ended = os.pidfd_open(child)
    except ProcessLookupError:  # ended, and someone else took its status
        return os.waitpid(child, 0)[1]
    try:
        with _told() as told:
            while not (done := os.waitpid(child, os.WNOHANG))[0]:
                _wait([told, ended], told, None)
    finally:
        os.close(ended)
    return done[1]


def _wait(descriptors: list[int], told: int, seconds: float | None) -> None:
    if told in select.select(descriptors, [], [], seconds)[0]:
        os.read(told, 512)


@contextmanager
def _told() -> Iterator[int]:
    """A descriptor that has a byte for each signal."""
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        yield reading
    finally:
        signal.set_wakeup_fd(before)
        os.close(reading)
        os.close(writing)
