"""The events an owner waits for: signals, its lifeline, its time to live, and messages of the
reaper.

One `select` over plain descriptors; no thread and no event loop, so that the start of the sandbox
does not wait for imports in the owner.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from dataclasses import dataclass
from types import FrameType
from typing import Any, Literal

Kind = Literal["ready", "failed", "signal", "lifeline", "timeout"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a wait returned; `text` is readable."""

    kind: Kind
    text: str = ""


class Waiter:
    """Turns everything that may end a sandbox into one `Reason`. Main thread only."""

    def __init__(self, *, lifeline: bool) -> None:
        self._lifeline = lifeline
        self._reaper: int | None = None
        self._heard = b""
        self._signal: int | None = None

    def __enter__(self) -> Waiter:
        self._wake, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        self._old_wake = signal.set_wakeup_fd(self._wake_write)
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        self._old = {number: signal.signal(number, self._note) for number in numbers}
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._old_wake)
        for number, handler in self._old.items():
            signal.signal(number, handler)
        os.close(self._wake)
        os.close(self._wake_write)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._signal = number

    def watch_reaper(self, descriptor: int) -> None:
        """Listen to the reaper's stdout from now on."""
        self._reaper = descriptor

    def wait(self, timeout: float | None) -> Reason:
        """Block until the next reason, at most `timeout` seconds."""
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            if self._signal is not None:
                return Reason("signal", signal.Signals(self._signal).name)
            left = None if end is None else max(0.0, end - time.monotonic())
            readable, _, _ = select.select(self._descriptors(), [], [], left)
            if not readable:
                return Reason("timeout")
            reason = self._read(readable)
            if reason is not None:
                return reason

    def _descriptors(self) -> list[int]:
        lifeline = [sys.stdin.fileno()] if self._lifeline else []
        reaper = [] if self._reaper is None else [self._reaper]
        return [self._wake, *lifeline, *reaper]

    def _read(self, readable: list[int]) -> Reason | None:
        if self._wake in readable:
            os.read(self._wake, 4096)
        if self._reaper in readable:
            return self._hear(self._reaper)
        if self._lifeline and sys.stdin.fileno() in readable and not os.read(0, 4096):
            return Reason("lifeline", "stdin was closed")
        return None

    def _hear(self, reaper: int) -> Reason | None:
        heard = os.read(reaper, 65536)
        if not heard:
            self._reaper = None
            return Reason("failed", "its reaper was killed")
        self._heard += heard
        line, newline, rest = self._heard.partition(b"\n")
        if not newline:
            return None
        self._heard = rest
        return _reason(json.loads(line))


def _reason(event: dict[str, Any]) -> Reason:
    if event["event"] == "ready":
        return Reason("ready")
    log = "".join(f"\n    {line}" for line in event["log"])
    return Reason("failed", event["reason"] + (f"; the end of its log:{log}" if log else ""))
