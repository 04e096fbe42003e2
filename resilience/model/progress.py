"""Reports the progress of long work from the function that does it to a listener. Pure.

    with track("copy", total=size, unit="byte") as done:
        for chunk in chunks:
            done(len(chunk))

Without a listener nothing happens, so a library needs no parameter for it. The
listener belongs to the context (PEP 567) in which the work begins; `done` may be called from any
thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Task:
    """What is done. `total` None: the amount is unknown. `unit` is a singular noun, "" where only
    time passes."""

    what: str
    total: int | None
    unit: str


Done = Callable[[int], object]
"""Called with how much more is done."""

Listener = Callable[[Task], AbstractContextManager[Done]]
"""Opened when a task begins, closed when it ends."""

_LISTENER: ContextVar[Listener | None] = ContextVar("progress", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """While the block runs, `listener` is called for every task that begins."""
    before = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(before)


@contextmanager
def track(what: str, *, total: int | None = None, unit: str = "object") -> Iterator[Done]:
    """One task; yields a function to call with each further amount done."""
    listener = _LISTENER.get()
    if listener is None:
        yield nobody
        return
    with listener(Task(what, total, unit)) as done:
        yield done


def nobody(count: int) -> None:
    """Nobody listens."""
