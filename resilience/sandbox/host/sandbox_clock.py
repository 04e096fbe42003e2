"""Clocks: the sandbox's own time, real and scaled, and a virtual one for tests.

Everything in the API server that waits or stamps uses a `Clock` (see `api.py`), so one factor makes
rules that take minutes run in seconds, and a test advances time by hand. A scaled clock starts at
the true wall time and then runs `scale` times as fast: stamps stay plausible and in order.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache


def stamp(seconds: float) -> str:
    """A `metav1.Time`: RFC 3339 in UTC with whole seconds."""
    return _whole_stamp(int(seconds))


@lru_cache(maxsize=64)
def _whole_stamp(seconds: int) -> str:
    """Many writes happen within one second."""
    return f"{datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()}Z"


def stamp_micro(seconds: float) -> str:
    """A `metav1.MicroTime`: RFC 3339 in UTC with six digits."""
    moment = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    return f"{moment.isoformat(timespec='microseconds')}Z"


def parse_stamp(text: str) -> float:
    """Seconds since the epoch of either stamp; ValueError for anything else."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class LoopClock:
    """The running loop's time, `scale` times as fast; `call_later` needs that loop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        scale: float = 1.0,
        started: float = 0.0,
        *,
        ahead: float = 0.0,
    ) -> None:
        """`started` is the wall time at which scaled time began, so that processes agree on it;
        `ahead` the seconds by which this clock is set wrong."""
        self._loop = loop
        self._scale = scale
        now = time.time()
        began = started or now
        self._wall = began + ahead
        self._started = time.monotonic() - (now - began)

    def now(self) -> float:
        return self._wall + self.monotonic()

    def monotonic(self) -> float:
        return (time.monotonic() - self._started) * self._scale

    def call_later(self, delay: float, callback: Callable[[], None]) -> Callable[[], None]:
        return self._loop.call_later(max(delay, 0.0) / self._scale, callback).cancel


class VirtualClock:
    """Time that moves only by `advance`; callbacks run inside it, in the order in which they are
    due."""

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._start = start
        self._passed = 0.0
        self._order = itertools.count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._cancelled: set[int] = set()

    def now(self) -> float:
        return self._start + self._passed

    def monotonic(self) -> float:
        return self._passed

    def call_later(self, delay: float, callback: Callable[[], None]) -> Callable[[], None]:
        number = next(self._order)
        heapq.heappush(self._due, (self._passed + max(delay, 0.0), number, callback))
        return lambda: self._cancelled.add(number)

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass; due callbacks run at their own moments, newly scheduled ones
        included."""
        end = self._passed + seconds
        while self._due and self._due[0][0] <= end:
            moment, number, callback = heapq.heappop(self._due)
            self._passed = max(self._passed, moment)
            if number in self._cancelled:
                self._cancelled.discard(number)
            else:
                callback()
        self._passed = end

    def settle(self) -> None:
        """Run what is due now, without letting time pass."""
        self.advance(0.0)
