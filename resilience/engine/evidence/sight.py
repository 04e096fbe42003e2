"""The times at which the cluster could not be seen, because its API server did not answer.

A silent watch looks like a cluster in which nothing happens. So while a run lasts, a test every
`EVERY` seconds checks that the API server answers and the run's watches are open. A span
of more than `GAP` seconds between two good answers counts as unseen: an event received in it, or
right after it, may have happened at any time within it. After `BLIND` seconds without a good answer
no check is evaluated: its result would be out of date.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

EVERY = 0.5
GAP = 2.0
BLIND = 5.0
ASK_WITHIN = 10.0
"""Seconds that one test may take."""

LAG = 0.25
"""Seconds after the end of a gap in which a reopened watch still reports events from it."""

ENDS_WITHIN = 1.0


@dataclass(frozen=True, slots=True)
class Gap:
    """Monotonic seconds. `until` is None while the gap lasts."""

    since: float
    until: float | None = None


def earliest(received: float, gaps: Iterable[Gap]) -> float:
    """The earliest moment at which an event received at that time can have happened."""
    for gap in gaps:
        if gap.since < received and (gap.until is None or received <= gap.until + LAG):
            return gap.since
    return received


class Sight(Protocol):
    """What a run knows about the times at which it could not see the cluster."""

    def gaps(self) -> Sequence[Gap]:
        """All gaps; one that has not ended comes last."""

    def blind_since(self) -> float | None:
        """The time of the last good answer, if that is long ago."""

    def confirm(self) -> bool:
        """Test now, before a decisive check; return whether the API server answered."""


class Clear:
    """For a cluster that always answers, such as one in memory."""

    def gaps(self) -> Sequence[Gap]:
        """None."""
        return ()

    def blind_since(self) -> float | None:
        """Never."""
        return None

    def confirm(self) -> bool:
        """Nothing to test."""
        return True


class Lookout:
    """Tests on its own thread, as a context manager. `answers` says whether the API server
    answered now and every watch is open; it may block for `ASK_WITHIN` seconds."""

    def __init__(
        self, answers: Callable[[], bool], now: Callable[[], float], every: float = EVERY
    ) -> None:
        self._answers = answers
        self._now = now
        self._every = every
        self._good = now()
        self._gaps: list[Gap] = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="lookout", daemon=True)

    def __enter__(self) -> Lookout:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._over.set()
        self._thread.join(ENDS_WITHIN)

    def gaps(self) -> Sequence[Gap]:
        """All gaps; one that has not ended comes last."""
        with self._lock:
            open_ = [Gap(self._good)] if self._now() - self._good > GAP else []
            return [*self._gaps, *open_]

    def blind_since(self) -> float | None:
        """The time of the last good answer, if that is long ago."""
        with self._lock:
            return self._good if self._now() - self._good > BLIND else None

    def confirm(self) -> bool:
        """Repeat the test until there is a good answer, for up to `ASK_WITHIN` seconds."""
        end = self._now() + ASK_WITHIN
        while True:
            if self._answers():
                self._answered()
                return True
            if self._now() >= end or self._over.wait(self._every):
                return False

    def _look(self) -> None:
        while not self._over.wait(self._every):
            if self._answers():
                self._answered()

    def _answered(self) -> None:
        with self._lock:
            now = self._now()
            if now - self._good > GAP:
                self._gaps.append(Gap(self._good, now))
            self._good = now
