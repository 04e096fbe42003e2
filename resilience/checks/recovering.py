"""Recoveries of a run, and their inputs: Pods, ReplicaSets, wanted numbers.

How many Pods a workload wants is read from the run's watches in its own namespace; for other
namespaces it is requested, and without permission for that, as many as before are expected.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from resilience.checks.recovery import Recovery, recoveries
from resilience.cluster.errors import ApiError
from resilience.cluster.interface import NODES, PODS, REPLICASETS, Object, Resource, WatchEvent
from resilience.cluster.survey import WORKLOADS
from resilience.kube import objects, readiness
from resilience.verbs.context import CheckContext, Fate, Victim

_OF_NODES = ("daemonset", "node")
"""Owners whose Pods belong to one node: those of a DaemonSet, and static Pods (of their Node)."""

_KINDS = {resource.kind.lower(): resource for resource in WORKLOADS}


def found(victims: Sequence[Victim], context: CheckContext) -> list[Recovery]:
    """The current recoveries, one per action and workload."""
    if not victims:
        return []
    wanting = _Wanting(victims, context)
    context.view(REPLICASETS, context.namespace)
    events = [*context.history(PODS), *wanting.events]
    return recoveries(
        victims,
        sorted(events, key=lambda event: event.received),
        context.history(REPLICASETS),
        wanting.of,
        context.earliest,
        _stranded(victims, context),
    )


def _stranded(victims: Sequence[Victim], context: CheckContext) -> Callable[[Victim], bool]:
    """Nodes that this run stopped and that are not Ready keep the Pods that belong to them. Only
    actions that stop nodes may make the run watch them."""
    touched = {change.name for change in context.changes if change.kind == NODES.kind}
    bound = [
        victim
        for victim in victims
        if victim.fate is Fate.RESTARTED and victim.node in touched
        and victim.workload_title.partition("/")[0] in _OF_NODES
    ]  # fmt: skip
    if not bound:
        return lambda victim: False
    nodes = context.view(NODES, "").objects()
    up = {objects.name(node) for node in nodes if readiness.is_ready(node)}
    lost = {victim.uid for victim in bound if victim.node not in up}
    return lambda victim: victim.uid in lost


class _Wanting:
    """What workloads want. `events` concern workloads in the run's own namespace; workloads
    elsewhere are requested once each.
    """

    def __init__(self, victims: Sequence[Victim], context: CheckContext) -> None:
        self._context = context
        self._asked: dict[str, int | None] = {}
        uids = {victim.workload for victim in victims if victim.workload}
        near = {_resource(each) for each in victims if each.namespace == context.namespace}
        self.events: list[WatchEvent] = []
        for resource in sorted(each for each in near if each is not None):
            context.view(resource, context.namespace)
            self.events += [
                event for event in context.history(resource) if objects.uid(event.object) in uids
            ]

    def of(self, victim: Victim, moment: float) -> int | None:
        """The number of wanted Pods at that moment; None if it is unknown."""
        if _resource(victim) is None:
            return None
        if victim.namespace == self._context.namespace:
            return self._watched(victim.workload, moment)
        if victim.workload not in self._asked:
            self._asked[victim.workload] = self._ask(victim)
        return self._asked[victim.workload]

    def _watched(self, uid: str, moment: float) -> int | None:
        """Read from the last event up to that moment; before the first event, from the first
        one."""
        events = [event for event in self.events if objects.uid(event.object) == uid]
        until = [event for event in events if event.received <= moment]
        return _due((until or events)[-1 if until else 0].object) if events else None

    def _ask(self, victim: Victim) -> int | None:
        resource, name = _resource(victim), victim.workload_title.partition("/")[2]
        assert resource is not None
        try:
            obj = self._context.cluster.get(resource, name, victim.namespace)
        except ApiError:
            return None
        return _due(obj) if objects.uid(obj) == victim.workload else None


def _due(workload: Object) -> int | None:
    """What it wants; None for a Job that has failed: that it wants no Pod any more is the harm, not
    the end of it."""
    return None if readiness.why_failed(workload) else readiness.wanted(workload)


def _resource(victim: Victim) -> Resource | None:
    """The kind of a victim's workload; None for a bare Pod and for unknown kinds."""
    if not victim.workload:
        return None
    return _KINDS.get(victim.workload_title.partition("/")[0])
