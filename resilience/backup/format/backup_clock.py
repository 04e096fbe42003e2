"""Time as an argument: everything that waits or records a time receives one of these."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Wall time for records, monotonic time for stopwatches and deadlines."""

    def now(self) -> datetime:
        """UTC."""

    def monotonic(self) -> float:
        """Seconds."""

    def wait(self, seconds: float) -> None:
        """Block for this time; may raise to end early."""


class SystemClock:
    """The host's own."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)


class Lent(Protocol):
    """What another clock must offer; the engine's clock does."""

    def monotonic(self) -> float: ...
    def wall(self) -> float: ...
    def wait(self, seconds: float) -> None: ...


class BorrowedClock:
    """Adapts another clock; an abort of its owner's run ends waits early."""

    def __init__(self, lent: Lent) -> None:
        self._lent = lent

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._lent.wall(), UTC)

    def monotonic(self) -> float:
        return self._lent.monotonic()

    def wait(self, seconds: float) -> None:
        self._lent.wait(seconds)
