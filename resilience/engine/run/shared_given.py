"""What `given` set up, kept from one run to the next of the scenarios that share it.

Its undos stay in the journal of the run that set it up; the runs that follow append theirs,
so that a recovery undoes everything, newest first. Each run undoes its own changes at its
end. The next one begins only if everything is as `given` left it; it executes the steps of `given`
itself, where an `apply` then finds nothing to do and each check is repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from resilience.cluster.errors import ClusterError
from resilience.engine.base.real_clock import EngineClock
from resilience.engine.base.timeline import Timeline
from resilience.engine.evidence.set_up import SetUp, differs
from resilience.engine.journal.journal import Undo
from resilience.engine.journal.undo import shielded
from resilience.engine.run import teardown
from resilience.engine.run.state import RunState
from resilience.model.timeline import Entry, What
from resilience.model.values import RunId
from resilience.model.verb import Phase, Verb


def of_given(undo: Undo) -> bool:
    """Whether it undoes what `given` set up."""
    return undo.path.startswith(Phase.GIVEN.value)


@dataclass(slots=True, kw_only=True)
class SharedGiven:
    """`run` is the one that set it up, whose name the journal has. `wanted` says whether another
    scenario that uses it follows the current one."""

    run: RunId
    wanted: bool
    stays: bool = False
    """Whether it was kept at the end of the last run."""
    _set_up: SetUp | None = None
    _verbs: dict[str, Verb] = field(default_factory=dict)
    _last: RunState | None = None

    def done(self, state: RunState) -> None:
        """The first run has set it up; each run that follows knows how to undo it."""
        state.verbs.update({**self._verbs, **state.verbs})
        if self._set_up is not None:
            text = f"`given` is shared with run {self.run}, and as it was left"
            state.timeline.note(What.NOTE, text)
            return
        if self.wanted:
            self._set_up = _seen(state)

    def put_back(self, state: RunState, clock: EngineClock) -> list[str]:
        """Undo a run's own changes, and what `given` set up unless it stays. Returns what is left;
        if anything is, nothing stays."""
        self.stays = False
        if not self.wanted or self._set_up is None:
            return teardown.put_back(state, clock)
        left = teardown.put_back(state, clock, of_given)
        if left or state.cluster.ended():
            left += teardown.put_back(state, clock, lambda undo: not of_given(undo))
            return [*dict.fromkeys(left)]
        self._last, self._verbs, self.stays = state, state.verbs, True
        state.timeline.note(What.NOTE, "what `given` set up stays for the next scenario")
        return []

    def differs(self, clock: EngineClock) -> str:
        """Why the next run cannot use it; "" if it can."""
        state = self._last
        if state is None or self._set_up is None:
            return "it was not kept"
        try:
            return differs(self._set_up, state.cluster, _records(state), clock)
        except ClusterError as error:
            return str(error)

    def release(self, clock: EngineClock, emit: Callable[[Entry], None]) -> list[str]:
        """No run follows: undo it, and end the journal. Returns what is left."""
        state, self.stays = self._last, False
        if state is None:
            return []
        state.timeline = Timeline(clock, emit)
        left: list[str] = []
        try:
            shielded(lambda: left.extend(teardown.put_back(state, clock)), state.aborter)
        finally:
            state.journal.close()
        return left


def _seen(state: RunState) -> SetUp | None:
    """None if it cannot be read: then nothing can be shared."""
    try:
        return SetUp.seen(state.cluster, _records(state))
    except ClusterError as error:
        state.timeline.note(What.NOTE, f"`given` cannot be shared: {error}")
        return None


def _records(state: RunState) -> list[Mapping[str, Any]]:
    return [undo.data for undo in state.journal.pending() if of_given(undo)]
