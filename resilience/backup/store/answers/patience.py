"""A bound on stores that answer, but drip.

A read timeout starts again with every packet, so one byte a minute would keep a reader for years.
Each request gets a limit, and so does each piece of content: `PATIENCE` seconds for 1 MiB, about
3.5 KiB/s. The wait is on the caller's side, since neither botocore nor obstore can be told to end a
request that still receives something; the thread that was left behind ends with its connection.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any, TypeVar

from resilience.backup.format.errors import StoreUnreachable
from resilience.model import total_time
from resilience.model.total_time import Finished, TooLong

T = TypeVar("T")

PATIENCE = 300.0
"""Seconds for a request, and for each piece of content."""

SLOWEST = 4 << 10
"""Bytes a second at which a body must at least be accepted, beyond `PATIENCE`."""


def within(seconds: float, what: str, act: Callable[[], T]) -> T:
    """The result of `act`; `StoreUnreachable` when it takes longer."""
    try:
        return total_time.within(seconds, act, "resilience-store")
    except TooLong:
        raise _unreachable(seconds, what, "no complete answer") from None


def paced(pieces: Iterator[bytes], seconds: float, what: str) -> Iterator[bytes]:
    """The same pieces; `StoreUnreachable` when one takes longer. Nothing is read ahead, and leaving
    early closes `pieces`, if it is a generator."""
    asked: SimpleQueue[bool] = SimpleQueue()
    ready: SimpleQueue[Finished] = SimpleQueue()

    def pull() -> None:
        while asked.get():
            result = Finished(lambda: next(pieces, None))
            ready.put(result)
            if result.value is None:
                return
        ready.put(Finished(getattr(pieces, "close", lambda: None)))

    threading.Thread(target=pull, name="resilience-store", daemon=True).start()
    idle = False
    try:
        while True:
            asked.put(True)
            idle = False
            piece = _taken(ready, seconds, what, "the next piece did not arrive")
            if piece is None:
                return
            idle = True
            yield piece
    finally:
        asked.put(False)
        if idle:
            _taken(ready, seconds, what, "the connection was not closed")


def _taken(ready: SimpleQueue[Finished], seconds: float, what: str, missing: str) -> Any:
    try:
        return total_time.taken(ready, seconds)
    except TooLong:
        raise _unreachable(seconds, what, missing) from None


def _unreachable(seconds: float, what: str, missing: str) -> StoreUnreachable:
    return StoreUnreachable(
        f"{what}: {missing} within {seconds:g} s, although the connection is open; the store, "
        "or a proxy before it, is too slow to be used: try again later"
    )
