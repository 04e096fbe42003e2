"""Time as an argument: everything that waits or dates something is handed one of these."""

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
        """Block; may be cut short by raising."""


class SystemClock:
    """The machine's own."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)


class Lent(Protocol):
    """What someone else's clock must offer; the engine's does."""

    def monotonic(self) -> float: ...
    def wall(self) -> float: ...
    def wait(self, seconds: float) -> None: ...


class BorrowedClock:
    """Another clock in our words; an abort of its owner's run cuts our waits short."""

    def __init__(self, lent: Lent) -> None:
        self._lent = lent

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._lent.wall(), UTC)

    def monotonic(self) -> float:
        return self._lent.monotonic()

    def wait(self, seconds: float) -> None:
        self._lent.wait(seconds)
