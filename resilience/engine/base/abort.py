"""The one way to stop a run early: on Ctrl-C, SIGTERM, a lost lock or `abort_below`.

`abort` sets a flag and wakes every wait, and does nothing else. The run then always ends in the
same way: stop acting, undo, report. The first reason given is kept. Undo is shielded: the first
Ctrl-C during it prints a message, two more abandon it, and the remaining undos stay in the journal.
`abort` may be called from signal handlers and from any thread.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PRESSES_TO_ABANDON = 3


class Why(Enum):
    """Who stopped the run; decides the outcome."""

    INTERRUPTED = "interrupted"  # a person or the system: Ctrl-C, SIGTERM, a test timeout
    LOCK = "lock lost"  # another run may be acting on the cluster
    GONE = "cluster gone"  # an ephemeral cluster ended: there is nothing to act on or to undo
    SICK = "cluster sick"  # a part of an ephemeral cluster cannot work: nothing seen counts
    BELOW = "abort condition"  # a probe fell below its `abort_below`: the service failed


class Aborted(BaseException):
    """The run ends early. Not an Exception, so that no verb can swallow it."""


class Abandoned(BaseException):
    """The undo was stopped as well."""


class Aborter:
    """One per run, shared by the engine, its probes and the plugin's signal handlers."""

    def __init__(self, recovery: str = "resilience recover") -> None:
        self._recovery = recovery
        self.reason = ""
        self.why: Why | None = None
        self.cause: BaseException | None = None
        """The exception from outside that ended the run (one of pytest's); the plugin raises it
        again."""
        self._undoing = False
        self._presses = 0
        self._callbacks: list[Callable[[], None]] = []

    @property
    def aborted(self) -> bool:
        """Whether the run must stop acting."""
        return self.why is not None

    @property
    def putting_back(self) -> bool:
        """Whether the undo is under way."""
        return self._undoing

    @property
    def abandoned(self) -> bool:
        """Whether the undo must stop as well."""
        return self._presses >= PRESSES_TO_ABANDON

    def abort(self, reason: str, why: Why = Why.INTERRUPTED) -> None:
        """Stop the run; later reasons change nothing."""
        if self.why is None:
            self.reason, self.why = reason, why
        self._tell()

    def press(self) -> str:
        """Ctrl-C. Count one Ctrl-C; return the message for the person who pressed it."""
        if not self._undoing:
            self.abort("Ctrl-C")
            return "stopping; undoing what was changed"
        self._presses += 1
        self._tell()
        left = PRESSES_TO_ABANDON - self._presses
        if left > 0:
            return f"undoing; press {'once' if left == 1 else 'twice'} more to abandon the undo"
        return f"undo abandoned; `{self._recovery}` finishes it"

    def caught(self, error: BaseException) -> None:
        """Record an exception from outside the engine: the run ends as if aborted, and the
        exception is kept."""
        if self.cause is None:
            self.cause = error
        self.abort(str(error) or type(error).__name__)

    def check(self) -> None:
        """Raise Aborted when the run must stop acting."""
        if self.aborted:
            raise Aborted(self.reason)

    def check_undo(self) -> None:
        """Raise Abandoned when the undo must stop as well."""
        if self.abandoned:
            raise Abandoned

    def on_abort(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` at each abort and each Ctrl-C; return a function that cancels this.
        Callbacks must be quick."""
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback) if callback in self._callbacks else None

    @contextmanager
    def undoing(self) -> Iterator[None]:
        """While the body runs, Ctrl-C does not abort; it counts towards abandoning the undo."""
        self._undoing = True
        try:
            yield
        finally:
            self._undoing = False

    def _tell(self) -> None:
        for callback in tuple(self._callbacks):
            callback()
