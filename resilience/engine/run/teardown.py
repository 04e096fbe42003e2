"""Beginning and end of a run's journal: its first line, and the undo of everything that it still
holds."""

from __future__ import annotations

from collections.abc import Callable

from resilience.engine.base.abort import Abandoned, Why
from resilience.engine.base.real_clock import EngineClock
from resilience.engine.guard.identity import identity
from resilience.engine.journal.journal import Undo
from resilience.engine.journal.undo import Putback
from resilience.engine.run.state import RunState
from resilience.model.timeline import What


def begin(state: RunState, title: str) -> None:
    """Record who, where and when, before anything is changed."""
    state.journal.begin(
        {
            "run": state.recorded_as,
            "scenario": title,
            "wall": state.clock.wall(),
            "context": state.cluster.context,
            "cluster": identity(state.cluster),
            "namespace": state.namespace,
            "ephemeral": state.options.ephemeral,
            **state.options.guard.journalled,
        }
    )


def put_back(
    state: RunState, clock: EngineClock, spares: Callable[[Undo], bool] = lambda undo: False
) -> list[str]:
    """Undo everything but what `spares` names, newest first; returns what is left, as text. The
    run's own abort does not end waits of `clock`; three presses of Ctrl-C do."""
    if state.cluster.ended():
        return _gone(state)
    if not _may_undo(state):
        if state.options.guard.undone_elsewhere():
            return _undone(state)
        state.timeline.note(What.UNDO, "left to the next holder of the lock", {"state": "failed"})
        return [f"{undo.text}: left to the next holder of the lock" for undo in
                state.journal.pending()]  # fmt: skip
    putback = Putback(
        cluster=state.options.guard.undoing(state.cluster),
        run=state.recorded_as,
        journal=state.journal,
        timeline=state.timeline,
        clock=clock.checking(lambda: _check(state)),
        verbs=state.verbs,
        within=state.options.undo_within,
        spares=spares,
    )
    try:
        putback.all()
    except Abandoned:
        state.timeline.note(What.UNDO, "abandoned", {"state": "failed"})
    if state.cluster.ended():
        return _gone(state)
    if state.journal.pending() and state.options.guard.undone_elsewhere():
        return _undone(state)
    left = [
        f"{undo.text}: {undo.failure or 'not tried'}"
        for undo in state.journal.pending()
        if not spares(undo)
    ]
    return [*_kept(state), *left, *_unrecorded(state)]


def _kept(state: RunState) -> list[str]:
    """The changes that someone else has modified since, and the commands to undo or keep them."""
    command = f"{state.options.recovery} {state.recorded_as}"
    return [
        f"{undo.text}: {undo.failure}. To undo them anyway: `{command} --force`; to keep them: "
        f"`{command} --forget`"
        for undo in state.journal.kept()
    ]


def _undone(state: RunState) -> list[str]:
    """The run that took over the lock has undone everything before it began."""
    state.timeline.note(What.UNDO, "undone by the run that took the lock over", {"state": "done"})
    for undo in state.journal.pending():
        state.journal.forget(undo.id)
    return []


def _unrecorded(state: RunState) -> list[str]:
    """Report that the journal lacks lines: if this run had died, its changes could not have been
    undone."""
    trouble = state.journal.trouble
    return [f"{trouble}; undos are not recorded there"] if trouble else []


def _may_undo(state: RunState) -> bool:
    """A clock whose waits for a lock can be abandoned, like the undo itself."""
    try:
        return state.options.guard.may_undo()
    except Abandoned:
        return False


def _check(state: RunState) -> None:
    state.aborter.check_undo()
    if state.cluster.ended():
        raise Abandoned


def _gone(state: RunState) -> list[str]:
    """Record that the cluster has ended, and all changes with it."""
    state.aborter.abort(state.cluster.ended(), Why.GONE)
    for undo in state.journal.pending():
        state.journal.forget(undo.id)
    return []
