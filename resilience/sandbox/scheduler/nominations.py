"""Room reserved for Pods that have preempted others and wait until these are gone.

A nominated Pod counts as if it were already on its node, for every Pod of the same or a lower
priority. Source: addNominatedPods in pkg/scheduler/framework/runtime/framework.go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from resilience.sandbox.kube.selector_index import Key
from resilience.sandbox.scheduler import node_filters
from resilience.sandbox.scheduler.demand import Demand
from resilience.sandbox.scheduler.node_filters import Refusal
from resilience.sandbox.scheduler.node_picture import NodeInfo, Placed

Check = Callable[[NodeInfo], Refusal | None]


@dataclass(slots=True)
class Nominations:
    """Which Pod waits for which node."""

    _pods: dict[Key, Placed] = field(default_factory=dict)

    def follow(self, key: Key, node: str, demand: Demand | None) -> None:
        """A Pod waits for `node`; for none if that is empty."""
        if node and demand is not None:
            self._pods[key] = Placed(key, node, demand, False, None)
        else:
            self._pods.pop(key, None)

    def below(self, node: str, priority: int) -> list[Key]:
        """Pods that wait for a node and have a lower priority."""
        waiting = self._pods.values()
        return [
            placed.key
            for placed in waiting
            if placed.node == node and placed.demand.priority < priority
        ]

    def check(self, key: Key, demand: Demand, more: Check | None) -> Check | None:
        """The check of an otherwise suitable node: `more`, and the room reserved for others."""
        ahead = [
            placed
            for placed in self._pods.values()
            if placed.key != key and placed.demand.priority >= demand.priority
        ]
        if not ahead:
            return more

        def checked(node: NodeInfo) -> Refusal | None:
            refusal = more(node) if more is not None else None
            kept = [one for one in ahead if one.node == node.name and one.key not in node.pods]
            if refusal is not None or not kept:
                return refusal
            full = replace(
                node,
                requested=node.requested.copy(),
                pods=dict(node.pods),
                ports=node.ports.copy(),
                by_owner=node.by_owner.copy(),
            )
            for placed in kept:
                full.add(placed)
            return node_filters.check(demand, full)

        return checked
