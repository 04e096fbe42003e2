"""Whether the Pods that a drain evicts have room on the remaining nodes, and whether it can end.

What no node admits refuses the drain, unless `overflow` allows it. A rule between Pods (hard
topology spread, affinity, anti-affinity, host ports) only costs a replica until the nodes are back,
so it is reported; but a budget that cannot spare that many replicas never lets the rest go, and the
drain is blocked before anything is changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from resilience.cluster.errors import Forbidden
from resilience.cluster.interface import BUDGETS, NAMESPACES, NODES, PODS, STATEFULSETS, Object
from resilience.kube import objects
from resilience.model.timeline import What
from resilience.verbs.context import ActionContext, Blocked, NotMet

if TYPE_CHECKING:
    from resilience.drain.capacity import Homeless
    from resilience.drain.neighbours import Namespaces

MANY_NODES = 100
"""With more remaining nodes than this, their Pods are not listed, since each node costs a
request."""


def require(
    leaving: Sequence[Object], names: Sequence[str], context: ActionContext, *, overflow: bool
) -> None:
    """NotMet without room for the replacements, Blocked if a budget would keep the drain from
    ending; everything else that is missing is only noted."""
    from resilience.drain.capacity import homeless

    every = context.cluster.list(NODES)
    others = [node for node in every if objects.name(node) not in names]
    if len(others) > MANY_NODES:
        _note(f"{len(others)} nodes remain; whether they have capacity was not computed", context)
        return
    coming = [pod for pod in leaving if _is_replaced(pod)]
    drained = [node for node in every if objects.name(node) in names]
    gone = {objects.uid(pod) for pod in leaving}
    there = [p for n in every for p in _on(n, context) if objects.uid(p) not in gone]
    lost = homeless(coming, others, there, drained, _namespaces([*coming, *there], context))
    if not overflow:
        _admitted([each for each in lost if not each.crowded], len(coming), names)
    for text in _texts(lost):
        _note(text, context)
    _can_end(coming, lost, context)


def _namespaces(pods: Sequence[Object], context: ActionContext) -> Namespaces:
    """Labels by namespace, where a rule asks for them and they may be read."""
    from resilience.drain.neighbours import asks_namespaces

    if not asks_namespaces(pods):
        return {}
    try:
        return {
            objects.name(each): objects.labels(each) for each in context.cluster.list(NAMESPACES)
        }
    except Forbidden:
        return {}


def _admitted(lost: Sequence[Homeless], coming: int, names: Sequence[str]) -> None:
    if lost:
        raise NotMet(
            f"without {', '.join(names)} there is no capacity for {len(lost)} of {coming} Pods"
            " (nothing was touched; set `overflow: true` to drain anyway): "
            + "; ".join(_texts(lost))
        )


def _can_end(coming: Sequence[Object], lost: Sequence[Homeless], context: ActionContext) -> None:
    from resilience.drain.ending import endless

    reasons = {each.uid: each.reason for each in lost}
    pods = [pod for pod in coming if objects.uid(pod) in reasons]
    spaces = sorted({objects.namespace(pod) for pod in pods})
    budgets = [budget for space in spaces for budget in context.cluster.list(BUDGETS, space)]
    if texts := endless(pods, budgets, reasons):
        raise Blocked("nothing was touched: " + "; ".join(texts))


def _texts(lost: Sequence[Homeless]) -> list[str]:
    """One text for all Pods with the same reason."""
    alike: dict[str, list[str]] = {}
    for each in lost:
        alike.setdefault(each.reason, []).append(each.pod)
    return [f"no other node can take {', '.join(pods)}: {why}" for why, pods in alike.items()]


def _is_replaced(pod: Object) -> bool:
    """Whether another Pod needs room because this one leaves: not for one that has finished, nor
    for one that was being deleted before, except that a StatefulSet waits until it is gone."""
    owner = objects.controller(pod)
    if owner is None or objects.is_finished(pod):
        return False
    return not objects.is_terminating(pod) or owner["kind"] == STATEFULSETS.kind


def _on(node: Object, context: ActionContext) -> Sequence[Object]:
    return context.cluster.list(PODS, fields=f"spec.nodeName={objects.name(node)}")


def _note(text: str, context: ActionContext) -> None:
    context.note(What.NOTE, text)
