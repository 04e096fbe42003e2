"""The workers of a restore, and two of its parts at the same time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from resilience.backup.format.backup_clock import Clock
from resilience.backup.restore.writes.writing import Written
from resilience.cluster.interface import Object

T = TypeVar("T")

Context = tuple[str, Object, str, Mapping[str, list[str]]]
"""The kind, the object, its uid in the snapshot, and the rules that changed it."""


class Crew:
    """Workers with a bounded queue; results are returned on the caller's own thread, in order of
    submission."""

    def __init__(
        self, pool: ThreadPoolExecutor, workers: int, done: Callable[[Written, Context], None]
    ) -> None:
        self._pool, self._most, self._done = pool, 4 * workers, done
        self._under_way: list[tuple[Future[Written], Context]] = []

    def give(self, work: Callable[[], Written], context: Context) -> None:
        """Start work; waits for the oldest half when too much is in flight."""
        if len(self._under_way) >= self._most:
            self._collect(self._most // 2)
        self._under_way.append((self._pool.submit(work), context))

    def finish(self) -> None:
        """Wait for all."""
        self._collect(len(self._under_way))

    def _collect(self, count: int) -> None:
        ready, self._under_way = self._under_way[:count], self._under_way[count:]
        for future, context in ready:
            self._done(future.result(), context)


def side_by_side(
    work: Callable[[], T], other: Callable[[], object], clock: Clock
) -> tuple[T, float]:
    """The result of `work`, and the seconds that `other` took beyond it. Both have ended when this
    returns or raises; what `work` raises comes first."""
    with ThreadPoolExecutor(1, "resilience-beside") as pool:
        running = pool.submit(other)
        result = work()
        ended = clock.monotonic()
        running.result()
        return result, clock.monotonic() - ended
