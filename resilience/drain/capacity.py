"""Estimates by first fit whether the remaining nodes have capacity for the Pods that have to move;
pure functions.

It reads requests, as the scheduler does, never usage. It knows resources, the number of Pods,
cordons, taints, node affinity, and the rules between Pods of `resilience.drain.neighbours`; not
volumes: a positive answer only means that nothing checked here prevents it.
Pods that few nodes admit are placed first, then the largest. Finished Pods take no room.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from resilience.cluster.interface import Object
from resilience.drain.neighbours import RULES, Namespaces, Neighbours
from resilience.kube import node_affinity, objects
from resilience.kube.tolerations import CORDON, tolerates
from resilience.model.quantity import parse_quantity

Amounts = Mapping[str, Fraction]
_NOTHING = Fraction(0)


@dataclass(frozen=True, slots=True)
class Homeless:
    """One Pod that no remaining node can take, and what is missing. `crowded`: only because of the
    Pods that are there, so that another number of them, or another rule, would let it in."""

    pod: str
    reason: str
    uid: str = ""
    crowded: bool = False


def demand(pod: Object) -> dict[str, Fraction]:
    """The requests that the scheduler counts: those of containers and sidecars, or the maximum
    during start-up if that is higher, or those of the Pod itself; plus overhead, and one Pod
    (`PodRequests` in k8s.io/component-helpers/resource/helpers.go)."""
    spec = pod["spec"]
    running = _sum(_requests(c) for c in spec.get("containers") or ())
    total = {**_with_start(running, spec.get("initContainers") or ()), **_requests(spec)}
    return _sum((total, _amounts(spec.get("overhead") or {}), {"pods": Fraction(1)}))


def _with_start(running: Amounts, first: Iterable[Object]) -> dict[str, Fraction]:
    """A sidecar runs together with everything that starts after it."""
    sidecars, starting = dict[str, Fraction](), dict[str, Fraction]()
    for container in first:
        one = _sum((sidecars, _requests(container)))
        starting = _larger(starting, one)
        if container.get("restartPolicy") == "Always":
            sidecars = one
    return _larger(_sum((running, sidecars)), starting)


def _larger(one: Amounts, other: Amounts) -> dict[str, Fraction]:
    names = {*one, *other}
    return {name: max(one.get(name, _NOTHING), other.get(name, _NOTHING)) for name in names}


def homeless(
    moving: Sequence[Object],
    nodes: Sequence[Object],
    staying: Sequence[Object],
    drained: Sequence[Object] = (),
    namespaces: Namespaces | None = None,
) -> Sequence[Homeless]:
    """The Pods of `moving` for which there is no room on `nodes`, where `staying` already run.
    `drained` are the nodes that they leave, to which those that tolerate a cordon may return;
    there, too, some may stay."""
    living = [pod for pod in staying if not objects.is_finished(pod)]
    free = {node["metadata"]["name"]: _allocatable(node) for node in nodes}
    for pod in living:
        if (name := pod["spec"].get("nodeName")) in free:
            _take(free[name], demand(pod))
    room = _Room(nodes, free, Neighbours(nodes, drained, living, moving, namespaces))
    going = [pod for pod in moving if not (drained and tolerates(pod, CORDON))]
    found = [(pod, room.obstacles(pod)) for pod in sorted(going, key=room.order)]
    return [
        Homeless(
            objects.title(pod), _words(why, len(nodes)), objects.uid(pod), not RULES.isdisjoint(why)
        )
        for pod, why in found
        if why
    ]


@dataclass(frozen=True, slots=True)
class _Room:
    """What is free on each node, and who is there."""

    nodes: Sequence[Object]
    free: Mapping[str, dict[str, Fraction]]
    neighbours: Neighbours

    def order(self, pod: Object) -> tuple[int, Fraction, Fraction]:
        cpu, memory = _size(pod)
        return sum(not _unfit(pod, node) for node in self.nodes), -cpu, -memory

    def obstacles(self, pod: Object) -> Mapping[str, int]:
        """Place the Pod; {} if a node takes it, else how many nodes do not, by reason."""
        need, reasons = demand(pod), dict[str, int]()
        for node in self.nodes:
            free = self.free[node["metadata"]["name"]]
            why = _unfit(pod, node) or _lacks(need, free) or self.neighbours.obstacle(pod, node)
            if not why:
                _take(free, need)
                self.neighbours.place(pod, node)
                return {}
            reasons[why] = reasons.get(why, 0) + 1
        return reasons or {_NO_NODE: 0}


_NO_NODE = "no node would be left"


def _words(reasons: Mapping[str, int], nodes: int) -> str:
    parts = ", ".join(f"{count} {why}" for why, count in sorted(reasons.items()))
    return f"0/{nodes} nodes are available: {parts}" if nodes else _NO_NODE


def _unfit(pod: Object, node: Object) -> str:
    """Why the node takes no such Pod, however much room it has."""
    if node["spec"].get("unschedulable") and not tolerates(pod, CORDON):
        return "node(s) were unschedulable"
    if taint := _untolerated(pod, node):
        return f"node(s) had untolerated taint {{{taint}}}"
    if not node_affinity.admits(pod, node):
        return "node(s) didn't match Pod's node affinity/selector"
    return ""


def _lacks(need: Amounts, free: Amounts) -> str:
    for name, amount in sorted(need.items()):
        if amount > max(free.get(name, _NOTHING), _NOTHING):
            return "Too many pods" if name == "pods" else f"Insufficient {name}"
    return ""


def _untolerated(pod: Object, node: Object) -> str:
    for taint in node["spec"].get("taints") or ():
        hard = taint["effect"] in ("NoSchedule", "NoExecute")
        if hard and not any(_tolerates(t, taint) for t in pod["spec"].get("tolerations") or ()):
            return f"{taint['key']}: {taint.get('value', '')}"
    return ""


def _tolerates(toleration: Mapping[str, str], taint: Mapping[str, str]) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    if toleration.get("operator") == "Exists":
        return not toleration.get("key") or toleration["key"] == taint["key"]
    same = toleration.get("key") == taint["key"]
    return same and toleration.get("value", "") == taint.get("value", "")


def _requests(container: Object) -> dict[str, Fraction]:
    return _amounts((container.get("resources") or {}).get("requests") or {})


def _allocatable(node: Object) -> dict[str, Fraction]:
    return _amounts((node.get("status") or {}).get("allocatable") or {})


def _amounts(texts: Mapping[str, str]) -> dict[str, Fraction]:
    return {name: parse_quantity(text) for name, text in texts.items()}


def _sum(parts: Iterable[Amounts]) -> dict[str, Fraction]:
    total: dict[str, Fraction] = {}
    for part in parts:
        for name, amount in part.items():
            total[name] = total.get(name, _NOTHING) + amount
    return total


def _take(free: dict[str, Fraction], need: Amounts) -> None:
    for name, amount in need.items():
        free[name] = free.get(name, _NOTHING) - amount


def _size(pod: Object) -> tuple[Fraction, Fraction]:
    need = demand(pod)
    return need.get("cpu", _NOTHING), need.get("memory", _NOTHING)
