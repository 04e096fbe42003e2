"""Real time whose deadlines pass as soon as a test has seen what they are to find."""

from __future__ import annotations

from collections.abc import Callable
from threading import Condition

from resilience.engine.base.real_clock import RealClock


def _never() -> bool:
    return False


class Hurried(RealClock):
    """A wait ends in vain once `seen()` holds, as it would at its deadline.

    A deadline of a few seconds is missed on a busy machine before there is anything to tell of;
    one of a minute would be waited for in each run.
    """

    def __init__(
        self,
        check: Callable[[], None] = lambda: None,
        *,
        shared: Condition | None = None,
        changes: list[int] | None = None,
        of: Hurried | None = None,
    ) -> None:
        super().__init__(check, shared=shared, changes=changes)
        self.seen: Callable[[], bool] = (lambda: of.seen()) if of else _never

    def until(self, holds: Callable[[], bool], deadline: float) -> bool:
        """As a real clock has it, or `seen`."""
        return super().until(lambda: holds() or self.seen(), deadline) and holds()

    def checking(self, check: Callable[[], None]) -> Hurried:
        """The same clock, with the same `seen`."""
        return Hurried(check, shared=self._condition, changes=self._changes, of=self)
