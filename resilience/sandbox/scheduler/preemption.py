"""Whom a Pod may displace: on which node, and the fewest Pods of lower priority that must go.

Source: pkg/scheduler/framework/preemption and plugins/defaultpreemption. The picture of the cluster
is used to find what would fit: Pods are removed from it, added back one by one as long as the
pending Pod still fits, and all restored at the end. Nothing is deleted here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.labels import matches
from resilience.sandbox.kube.selector_index import Key
from resilience.sandbox.scheduler.cluster_picture import Picture, VolumeCheck
from resilience.sandbox.scheduler.demand import Demand
from resilience.sandbox.scheduler.node_picture import NodeInfo, Placed

_SHIFT: Final = 1 << 31
"""Makes each priority positive, so that more victims never sum up to less."""

Started = Callable[[Key], float]
"""When a Pod started, in seconds since the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sacrifice:
    """The Pods that would have to leave one node; `violations` of them break a budget."""

    node: str
    victims: tuple[Placed, ...]
    violations: int


@dataclass(slots=True)
class Budgets:
    """Disruption budgets: how many of the Pods they cover may still go."""

    objects: Sequence[Obj]
    _left: dict[str, int] = field(default_factory=dict)

    def violated(self, pods: Iterable[Placed]) -> set[Key]:
        """Which of `pods`, taken in this order, would break a budget."""
        self._left = {
            budget["metadata"]["uid"]: (budget.get("status") or {}).get("disruptionsAllowed", 0)
            for budget in self.objects
        }
        return {placed.key for placed in pods if self._breaks(placed)}

    def _breaks(self, placed: Placed) -> bool:
        broken = False
        for budget in self._covering(placed):
            uid = budget["metadata"]["uid"]
            self._left[uid] -= 1
            broken = broken or self._left[uid] < 0
        return broken

    def _covering(self, placed: Placed) -> list[Obj]:
        return [
            budget
            for budget in self.objects
            if budget["metadata"]["namespace"] == placed.demand.namespace
            and (selector := budget["spec"].get("selector"))
            and matches(selector, placed.demand.labels)
            and placed.key[1] not in ((budget.get("status") or {}).get("disruptedPods") or {})
        ]


def is_eligible(pod: Obj, demand: Demand, picture: Picture) -> bool:
    """Whether a Pod may displace others now: not while those that it displaced still end."""
    if pod["spec"].get("preemptionPolicy") == "Never":
        return False
    node = picture.nodes.get((pod.get("status") or {}).get("nominatedNodeName") or "")
    return node is None or not any(
        placed.deleting and placed.demand.priority < demand.priority
        for placed in node.pods.values()
    )


def find(
    picture: Picture,
    demand: Demand,
    key: Key,
    *,
    volumes: VolumeCheck | None,
    budgets: Sequence[Obj],
    started: Started,
) -> Sacrifice | None:
    """The best node to make room on, None where no set of Pods of lower priority would do."""
    rules = Budgets(budgets)
    found = []
    for node in picture.nodes.values():
        if node.exists:
            sacrifice = _on(picture, demand, key, node, volumes, rules, started)
            if sacrifice is not None:
                found.append(sacrifice)
    return min(found, key=lambda one: _harm(one, started)) if found else None


def _on(
    picture: Picture,
    demand: Demand,
    key: Key,
    node: NodeInfo,
    volumes: VolumeCheck | None,
    budgets: Budgets,
    started: Started,
) -> Sacrifice | None:
    lower = [one for one in node.pods.values() if one.demand.priority < demand.priority]
    if not lower:
        return None
    lower.sort(key=lambda one: (-one.demand.priority, started(one.key), one.key))
    violating = budgets.violated(lower)
    lower.sort(
        key=lambda one: one.key not in violating
    )  # a stable sort keeps Pods covered by budgets first
    victims = []
    with picture.without(lower) as absent:
        if not picture.fits(demand, key, node.name, volumes):
            return None
        for placed in lower:
            absent.put_back(placed)
            if not picture.fits(demand, key, node.name, volumes):
                absent.take_out(placed)
                victims.append(placed)
    if not victims:
        return None
    harmed = sum(1 for placed in victims if placed.key in violating)
    return Sacrifice(node=node.name, victims=tuple(victims), violations=harmed)


def _harm(sacrifice: Sacrifice, started: Started) -> tuple[float, ...]:
    """Smaller is better, in the order in which Kubernetes compares."""
    priorities = [placed.demand.priority for placed in sacrifice.victims]
    highest = max(priorities)
    earliest = min(
        started(placed.key) for placed in sacrifice.victims if placed.demand.priority == highest
    )
    return (
        sacrifice.violations,
        highest,
        sum(priority + _SHIFT for priority in priorities),
        len(priorities),
        -earliest,
    )


def message(preemptor_uid: str, node: str) -> str:
    """What the victim's Event says."""
    return f"Preempted by pod {preemptor_uid} on node {node}"
