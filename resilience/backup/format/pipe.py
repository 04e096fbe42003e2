"""Concurrent stages: a bounded queue with a thread behind it.

An exception in the thread is raised by the next `put`, `close` or iteration on the other side;
nothing is lost and nothing waits forever. Leaving the `with` block early stops the thread.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Generic, Self, TypeVar

T = TypeVar("T")

_ABREAST = 8
"""Requests at the same time: enough to hide a store's answer time, and fewer than the connections
that its client keeps."""


class _End:
    """Marks the end of a queue, with the error if there was one."""

    def __init__(self, reason: BaseException | None = None) -> None:
        self.reason = reason


class Abandoned(Exception):
    """The other side is gone; this exception never leaves the module."""


class Feed(Generic[T]):
    """Runs `consume` on a thread of its own, with an iterator over what the caller puts."""

    def __init__(self, consume: Callable[[Iterator[T]], object], *, depth: int = 4) -> None:
        self._consume = consume
        self._queue: queue.Queue[T | _End] = queue.Queue(depth)
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="resilience-feed", daemon=True)
        self._thread.start()

    def put(self, item: T) -> None:
        """Pass on one item; blocks while the queue is full; raises what the consumer raised."""
        if self._failure:
            raise self._failure
        self._queue.put(item)

    def close(self) -> None:
        """Wait until everything is consumed; raises what the consumer raised."""
        self._stop(_End())
        if self._failure:
            raise self._failure

    def _stop(self, end: _End) -> None:
        if self._thread.is_alive():
            self._queue.put(end)
            self._thread.join()

    def _run(self) -> None:
        items = self._items()
        try:
            self._consume(items)
        except BaseException as failure:  # noqa: BLE001 - handed to the caller's thread
            self._failure = failure
        while not self._ended:  # drain, so that `put` never blocks on a dead consumer
            self._ended = isinstance(self._queue.get(), _End)

    _ended = False

    def _items(self) -> Iterator[T]:
        while not isinstance(item := self._queue.get(), _End):
            yield item
        self._ended = True
        if item.reason:
            raise item.reason

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop(_End(Abandoned()))


class Stage(Feed[T]):
    """Calls `work` for each item, in order, on a thread of its own."""

    def __init__(self, work: Callable[[T], object], *, depth: int = 4) -> None:
        def each(items: Iterator[T]) -> None:
            for item in items:
                work(item)

        super().__init__(each, depth=depth)


def abreast(work: Iterable[Callable[[], T]]) -> list[T]:
    """The results of short pieces of work, done at the same time, in their order. All have ended
    when this returns or raises; of several errors, it is the first in that order."""
    pool = ThreadPoolExecutor(_ABREAST, "resilience-abreast")
    try:
        begun = [pool.submit(each) for each in work]
        wait(begun)
    finally:  # also on Ctrl-C, so that nothing is written after this
        pool.shutdown(cancel_futures=True)
    return [each.result() for each in begun]


def ahead(items: Iterable[T], *, depth: int = 1) -> Iterator[T]:
    """The items, with up to `depth` of them fetched in advance by a thread."""
    ready: queue.Queue[T | _End] = queue.Queue(depth)
    stopped = threading.Event()

    def fetch() -> None:
        end = _End()
        try:
            for item in items:
                if stopped.is_set():
                    return
                ready.put(item)
        except BaseException as failure:  # noqa: BLE001 - handed to the caller's thread
            end = _End(failure)
        ready.put(end)

    thread = threading.Thread(target=fetch, name="resilience-ahead", daemon=True)
    thread.start()
    try:
        while not isinstance(item := ready.get(), _End):
            yield item
        if item.reason:
            raise item.reason
    finally:
        stopped.set()
        while thread.is_alive():  # it may be blocked on a full queue; make room until it notices
            try:
                ready.get(timeout=0.05)
            except queue.Empty:
                pass
        thread.join()


def pushed(work: Callable[[Callable[[T], object]], None], *, depth: int = 8) -> Iterator[T]:
    """Turn a function that pushes into an iterator. If the iterator is not read to its end, the
    function still runs to its end: use this only for work that is bounded by its own input."""
    ready: queue.Queue[T | _End] = queue.Queue(depth)
    left = threading.Event()

    def push(item: T) -> None:
        if not left.is_set():
            ready.put(item)

    def run() -> None:
        end = _End()
        try:
            work(push)
        except BaseException as failure:  # noqa: BLE001 - handed to the caller's thread
            end = _End(failure)
        if not left.is_set():
            ready.put(end)

    threading.Thread(target=run, name="resilience-push", daemon=True).start()
    try:
        while not isinstance(item := ready.get(), _End):
            yield item
        if item.reason:
            raise item.reason
    finally:
        left.set()
        while not ready.empty():
            ready.get_nowait()


class PullReader:
    """A file-like object over chunks, for engines that want to read."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, b"" at the end."""
        if not self._rest:
            self._rest = next((chunk for chunk in self._chunks if chunk), b"")
        if size < 0:
            size = len(self._rest)
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken
