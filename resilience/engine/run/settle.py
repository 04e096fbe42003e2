"""Decides when the disruption is over: every victim's uid is gone, and 2 s have passed.

A terminating Pod may still answer requests and break connections, so the window in which objectives
are judged stays open until it is gone. A victim that outlives its own grace period plus a margin
(its node is dead, a finalizer holds it) is no longer awaited, and the timeline says so. Nor is one
that nobody has asked to leave, once a step has failed.
"""

from __future__ import annotations

from resilience.cluster.interface import PODS, Object
from resilience.engine.evidence.victims import unfinished
from resilience.engine.run.state import RunState
from resilience.kube import objects
from resilience.model.timeline import What
from resilience.model.verb import Phase
from resilience.model.words import many

AFTERMATH = 2.0
"""Seconds that are still judged after the last victim is gone."""

MARGIN = 30.0
"""Seconds that the run waits for a victim beyond its grace period."""


def begun(state: RunState) -> bool:
    """Whether a step of `when` disrupted or changed anything, or may have."""
    phases = {each.phase for each in state.victims} | {each.phase for each in state.affected}
    if Phase.WHEN in phases:
        return True
    return any(undo.path.startswith(Phase.WHEN.value) for undo in state.journal.pending())


def wait_until_over(state: RunState, settled: float, aftermath: float = AFTERMATH) -> float:
    """Wait until `settled`, and until the disruption has been over for `aftermath` seconds; returns
    the moment at which judging ends."""
    state.clock.until(lambda: False, settled)
    slow = _dying(state)
    patience = max((objects.grace(pod) for pod in slow), default=0) + MARGIN
    if slow:
        state.timeline.note(What.NOTE, _waiting(slow))
    if not state.clock.until(lambda: not _dying(state), state.clock.monotonic() + patience):
        for pod in _dying(state):
            what = "still terminates" if objects.is_terminating(pod) else "is still there"
            state.timeline.note(
                What.NOTE,
                f"{objects.title(pod)} {what} {patience:.0f}s after settling; the run no longer"
                " waits for it",
            )
    until = max(settled, last_gone(state) + aftermath)
    if (left := until - state.clock.monotonic()) > 0:
        text = f"judging continues for {left:.1f}s, until {aftermath:g}s after the last victim left"
        state.timeline.note(What.NOTE, text)
    state.clock.until(lambda: False, until)
    return until


def _waiting(pods: list[Object]) -> str:
    """Report what the run is still waiting for, before it seems to hang."""
    more = f" and {many(len(pods) - 1, 'more Pod')}" if len(pods) > 1 else ""
    grace = max(objects.grace(pod) for pod in pods)
    return f"waiting until {objects.title(pods[0])}{more} is gone; grace period {grace:g}s"


def _dying(state: RunState) -> list[Object]:
    """Victims that may still disrupt the service, and Pods that leave a workload that an action
    changed. Where a step has failed, a victim that nobody has asked to leave stays, as the old Pods
    of a rollout that is stuck do."""
    stuck = bool(state.failures())
    victims = {victim.uid for victim in unfinished(state.victims, state.pod)}
    workloads = {affected.uid for affected in state.affected}
    namespaces = {state.namespace, *(victim.namespace for victim in state.victims)}
    pods = [
        pod
        for namespace in sorted(namespaces)
        for pod in state.views.open(PODS, namespace).objects()
    ]
    return [
        pod
        for pod in pods
        if (objects.uid(pod) in victims and (objects.is_terminating(pod) or not stuck))
        or (
            objects.is_terminating(pod)
            and workloads
            and state.owners.workload(pod).uid in workloads
        )
    ]


def last_gone(state: RunState, until: float = float("inf")) -> float:
    """When the last of the run's Pods disappeared, -inf if none did since the first action. Pods
    that disappear after `until` no longer count, because the undo removes Pods as well."""
    since = state.struck_at if state.struck_at is not None else float("inf")
    uids = {victim.uid for victim in state.victims}
    workloads = {affected.uid for affected in state.affected}
    gone = [
        event.received
        for event in state.views.history(PODS)
        if event.type == "DELETED"
        and since <= event.received <= until
        and (
            objects.uid(event.object) in uids
            or (workloads and state.owners.workload(event.object).uid in workloads)
        )
    ]
    return max(gone, default=float("-inf"))
