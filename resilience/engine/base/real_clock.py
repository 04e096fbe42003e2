"""Real time. Its waits wake at any watched change and end early at an abort.

`until` checks its condition again whenever `poke` was called since the last check, and at least
twice a second, because conditions may depend on time itself. No lock is held while the condition
is called: it may read views, whose threads call `poke`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Condition
from typing import Protocol

_LONGEST_NAP = 0.5


class EngineClock(Protocol):
    """The engine's interface to time; verbs see only the part in
    `resilience.verbs.context.Clock`."""

    def monotonic(self) -> float: ...
    def wall(self) -> float: ...
    def wait(self, seconds: float) -> None: ...
    def until(self, holds: Callable[[], bool], deadline: float) -> bool: ...
    def poke(self) -> None:
        """Something changed: all waits check again."""

    def checking(self, check: Callable[[], None]) -> EngineClock:
        """The same clock, whose waits call `check`; `check` ends a wait by raising."""


class RealClock:
    """CLOCK_MONOTONIC and the system's wall clock."""

    def __init__(
        self,
        check: Callable[[], None] = lambda: None,
        *,
        shared: Condition | None = None,
        changes: list[int] | None = None,
    ) -> None:
        self._check = check
        self._condition = shared or Condition()
        self._changes = changes if changes is not None else [0]

    def monotonic(self) -> float:
        """Seconds of CLOCK_MONOTONIC."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def wait(self, seconds: float) -> None:
        """Block for that long."""
        self.until(lambda: False, self.monotonic() + seconds)

    def until(self, holds: Callable[[], bool], deadline: float) -> bool:
        """Block until `holds()` or the deadline; returns which. A call of `holds` that began in
        time and ended late may have seen an old state, so the last one begins after the
        deadline."""
        while True:
            self._check()
            seen, asked = self._changes[0], self.monotonic()
            if holds():
                return True
            if asked >= deadline:
                return False
            left = deadline - self.monotonic()
            if left > 0:
                self._nap(seen, min(left, _LONGEST_NAP))

    def poke(self) -> None:
        """Wake all waits. Re-entrant: a signal handler may call it inside a wait."""
        with self._condition:
            self._changes[0] += 1
            self._condition.notify_all()

    def checking(self, check: Callable[[], None]) -> RealClock:
        """The same clock with the same `poke`, whose waits end early for another reason."""
        return RealClock(check, shared=self._condition, changes=self._changes)

    def _nap(self, seen: int, seconds: float) -> None:
        with self._condition:
            if self._changes[0] == seen:
                self._condition.wait(seconds)
