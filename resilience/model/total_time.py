"""A limit on the total time of a call, for calls whose own timeouts begin again with every byte.

A read timeout starts again with each packet, so an answer of one byte a second takes as long as it
likes. The wait is on the caller's side; the thread that is left behind ends with its connection,
and does not keep the process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class TooLong(OSError):
    """The call did not end within its total time."""


class Finished:
    """What came of an action on another thread."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.value: object = None
        self.failure: BaseException | None = None
        try:
            self.value = act()
        except BaseException as failure:  # noqa: BLE001 - raised again in the caller's thread
            self.failure = failure

    def result(self) -> Any:
        """The value, or the error that was raised."""
        if self.failure is not None:
            raise self.failure
        return self.value


def within(seconds: float, act: Callable[[], T], name: str = "resilience-call") -> T:
    """The result of `act`, or its error; TooLong when it takes longer. `name` is the thread's."""
    ready: SimpleQueue[Finished] = SimpleQueue()
    threading.Thread(target=lambda: ready.put(Finished(act)), name=name, daemon=True).start()
    found: T = taken(ready, seconds)
    return found


def taken(ready: SimpleQueue[Finished], seconds: float) -> Any:
    """The next result that arrives; errors as of `within`."""
    try:
        finished = ready.get(timeout=seconds)
    except Empty:
        raise TooLong(f"no complete answer within {seconds:g} s") from None
    return finished.result()
