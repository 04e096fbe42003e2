"""A process that is listened to: a test waits for what it says, never for an amount of time."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

MOST = 300.0
"""Seconds; a process that is silent for so long is ended, so that reading it ends too."""


def said(process: subprocess.Popen[str], *wanted: str) -> str:
    """What it prints, up to the line that holds the last of `wanted`, which come in this order."""
    lines = []
    left = list(wanted)
    with watchdog(process):
        for line in process.stdout or ():
            lines.append(line)
            if left[0] in line:
                del left[0]
            if not left:
                return "".join(lines)
    raise AssertionError(f"{left[0]!r} was not said, only:\n{''.join(lines)}")


def rest(process: subprocess.Popen[str]) -> str:
    """Everything else until it ends."""
    with watchdog(process):
        return "".join(process.stdout or ())


@contextmanager
def watchdog(process: subprocess.Popen[str]) -> Iterator[None]:
    """The process lives for at most `MOST` seconds of the block."""
    timer = threading.Timer(MOST, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
