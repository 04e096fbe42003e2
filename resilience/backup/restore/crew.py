"""The workers of a restore, and two of its parts at the same time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Self, TypeVar

from resilience.backup.format.backup_clock import Clock
from resilience.backup.restore.writes.writing import Written
from resilience.cluster.interface import Object
from resilience.model.total_time import Finished

T = TypeVar("T")

Context = tuple[str, Object, str, Mapping[str, list[str]]]
"""The kind, the object, its uid in the snapshot, and the rules that changed it."""


class _Task:
    """One piece of work; `ended` is released when it has a result or a failure."""

    __slots__ = ("_finished", "context", "ended", "work")

    def __init__(self, work: Callable[[], Written], context: Context) -> None:
        self.work, self.context = work, context
        self._finished: Finished | None = None
        self.ended = Lock()
        self.ended.acquire()

    def run(self) -> None:
        self._finished = Finished(self.work)
        self.ended.release()

    def result(self) -> Written:
        """Wait for it."""
        self.ended.acquire()
        assert self._finished is not None
        written: Written = self._finished.result()
        return written


class Crew:
    """Workers with a bounded queue; results are returned on the caller's own thread, in order of
    submission. Leaving the block waits for all that was given.

    An executor of `concurrent.futures` takes as much time for a piece of work as the restore takes
    to prepare the object.
    """

    def __init__(self, workers: int, done: Callable[[Written, Context], None]) -> None:
        self._workers, self._most, self._done = workers, 4 * workers, done
        self._under_way: list[_Task] = []
        self._waiting: SimpleQueue[_Task | None] = SimpleQueue()
        self._threads: list[Thread] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for _each in self._threads:
            self._waiting.put(None)
        for each in self._threads:
            each.join()

    @property
    def under_way(self) -> int:
        """How many pieces of work have not been collected."""
        return len(self._under_way)

    def give(self, work: Callable[[], Written], context: Context) -> None:
        """Start work; waits for the oldest half when too much is in flight."""
        if self.under_way >= self._most:
            self._collect(self._most // 2)
        task = _Task(work, context)
        self._under_way.append(task)
        self._waiting.put(task)
        if len(self._threads) < self._workers:
            thread = Thread(target=self._run, name="resilience-restore", daemon=True)
            thread.start()
            self._threads.append(thread)

    def finish(self) -> None:
        """Wait for all."""
        self._collect(self.under_way)

    def _collect(self, count: int) -> None:
        ready, self._under_way = self._under_way[:count], self._under_way[count:]
        for task in ready:
            self._done(task.result(), task.context)

    def _run(self) -> None:
        while (task := self._waiting.get()) is not None:
            task.run()


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
