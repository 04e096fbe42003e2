"""The scheduler's picture of each node, updated Pod by Pod.

Adding or removing one Pod costs O(its resources). Pods that ended (Succeeded, Failed) hold
nothing; terminating ones still do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from resilience.sandbox.kube.amounts import amount
from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.object_edits import labels_of
from resilience.sandbox.kube.selector_index import Key, Labels
from resilience.sandbox.scheduler.demand import Demand, Port
from resilience.sandbox.scheduler.interpod import Term


@dataclass(frozen=True, slots=True)
class Placed:
    """A Pod on a node, as far as it affects others."""

    key: Key
    node: str
    demand: Demand
    deleting: bool
    generation: int | None


@dataclass(slots=True)
class NodeInfo:
    """One node: its attributes (from the Node object) and its Pods."""

    name: str
    exists: bool = False
    labels: Labels = field(default_factory=dict)
    taints: tuple[Mapping[str, Any], ...] = ()
    unschedulable: bool = False
    allocatable: dict[str, int] = field(default_factory=dict)
    requested: Counter[str] = field(default_factory=Counter)
    scored_cpu: int = 0
    scored_memory: int = 0
    pods: dict[Key, Placed] = field(default_factory=dict)
    ports: Counter[Port] = field(default_factory=Counter)
    by_owner: Counter[str] = field(default_factory=Counter)

    def read(self, node: Obj) -> bool:
        """Apply a Node object; False when nothing relevant has changed."""
        spec, status = node["spec"], node.get("status") or {}
        allocatable = status.get("allocatable") or status.get("capacity") or {}
        new = (
            labels_of(node),
            tuple(spec.get("taints") or ()),
            bool(spec.get("unschedulable")),
            {name: amount(name, value) for name, value in allocatable.items()},
        )
        old = (self.labels, self.taints, self.unschedulable, self.allocatable)
        if self.exists and old == new:
            return False
        self.exists = True
        self.labels, self.taints, self.unschedulable, self.allocatable = new
        return True

    def add(self, placed: Placed) -> None:
        """A Pod was added."""
        self.pods[placed.key] = placed
        self._count(placed, 1)

    def remove(self, key: Key) -> Placed | None:
        """A Pod was removed; unknown ones are fine."""
        placed = self.pods.pop(key, None)
        if placed is not None:
            self._count(placed, -1)
        return placed

    def _count(self, placed: Placed, by: int) -> None:
        demand = placed.demand
        for name, value in demand.requests.items():
            self.requested[name] += by * value
        self.scored_cpu += by * demand.scored_cpu
        self.scored_memory += by * demand.scored_memory
        for port in demand.ports:
            self.ports[port] += by
            if not self.ports[port]:
                del self.ports[port]
        if demand.owner and not placed.deleting:
            self.by_owner[demand.owner] += by
            if not self.by_owner[demand.owner]:
                del self.by_owner[demand.owner]


class TermCounts:
    """For terms in use: how many placed Pods they select, node by node.

    A term is counted from scratch on first use and then kept current, so reading it costs O(nodes)
    at most, however many Pods there are.
    """

    def __init__(self, nodes: Mapping[str, NodeInfo], namespaces: Mapping[str, Labels]) -> None:
        self._nodes = nodes
        self._namespaces = namespaces
        self._counts: dict[tuple[Term, bool], Counter[str]] = {}

    def by_node(self, term: Term, *, with_deleting: bool) -> Mapping[str, int]:
        """Node name to number of selected Pods."""
        known = self._counts.get((term, with_deleting))
        if known is None:
            known = Counter()
            for info in self._nodes.values():
                for placed in info.pods.values():
                    if self._selects(term, with_deleting, placed):
                        known[info.name] += 1
            self._counts[term, with_deleting] = known
        return known

    def by_domain(self, term: Term, *, with_deleting: bool = True) -> dict[str, int]:
        """Value of the term's topology label to number of selected Pods; zeros left out."""
        result: dict[str, int] = {}
        for name, number in self.by_node(term, with_deleting=with_deleting).items():
            domain = self._nodes[name].labels.get(term.topology)
            if domain is not None and number:
                result[domain] = result.get(domain, 0) + number
        return result

    def count(self, placed: Placed, by: int) -> None:
        """A Pod was added or removed."""
        for (term, with_deleting), known in self._counts.items():
            if self._selects(term, with_deleting, placed):
                known[placed.node] += by

    def forget(self) -> None:
        """Namespace labels changed: recount on next use."""
        self._counts.clear()

    def _selects(self, term: Term, with_deleting: bool, placed: Placed) -> bool:
        if placed.deleting and not with_deleting:
            return False
        demand = placed.demand
        labels = self._namespaces.get(demand.namespace, {})
        return term.selects(demand.namespace, demand.labels, labels)
