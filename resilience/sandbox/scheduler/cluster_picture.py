"""The scheduler's picture of the cluster and its one question: where does this Pod go?

Updated with Nodes, Pods and Namespaces as they change; answers without reading the store. Rankings
of the most recently used kinds of demand are kept and updated from a log of changed nodes.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.object_edits import is_deleting, key_of, labels_of
from resilience.sandbox.kube.pod_facts import is_terminal, node_of
from resilience.sandbox.kube.selector_index import Key, Labels
from resilience.sandbox.scheduler.demand import Demand, demand_key, demand_of
from resilience.sandbox.scheduler.interpod import Term
from resilience.sandbox.scheduler.node_filters import Refusal
from resilience.sandbox.scheduler.node_heap import Ranking
from resilience.sandbox.scheduler.node_picture import NodeInfo, Placed, TermCounts
from resilience.sandbox.scheduler.nominations import Nominations
from resilience.sandbox.scheduler.topology import Topology
from resilience.sandbox.scheduler.unschedulable import unschedulable

RANKINGS: Final = 256
"""Kinds of demand to remember."""

NOT_PINNED: Final = "node(s) didn't satisfy plugin(s) [NodeAffinity]"

VolumeCheck = Callable[[NodeInfo], Refusal | None]


@dataclass(frozen=True, slots=True)
class Decision:
    """A node, or the reasons why there is none."""

    node: str = ""
    message: str = ""


@dataclass(slots=True)
class Picture:
    """See the module."""

    nodes: dict[str, NodeInfo] = field(default_factory=dict)
    namespaces: dict[str, Labels] = field(default_factory=dict)
    existing: int = 0
    nominations: Nominations = field(default_factory=Nominations)
    priorities: Counter[int] = field(default_factory=Counter)
    """How many placed Pods there are of each priority."""
    _places: dict[Key, str] = field(default_factory=dict)
    _demands: OrderedDict[str, Demand] = field(default_factory=OrderedDict)
    _rankings: OrderedDict[str, Ranking] = field(default_factory=OrderedDict)
    _changed: list[str] = field(default_factory=list)
    _offset: int = 0
    _counts: TermCounts = field(init=False)
    _guards: dict[Term, Counter[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._counts = TermCounts(self.nodes, self.namespaces)

    def node_changed(self, node: Obj) -> bool:
        """A Node was added or modified; returns whether that can affect a Pod."""
        info = self._node(node["metadata"]["name"])
        self.existing += not info.exists
        if not info.read(node):
            return False
        self._touch(info.name)
        return True

    def node_gone(self, name: str) -> None:
        """A Node was deleted; its Pods stay counted until they go."""
        info = self._node(name)
        self.existing -= info.exists
        info.exists = False
        self._touch(name)

    def namespace_changed(self, namespace: Obj, *, gone: bool) -> None:
        """A Namespace's labels may matter to namespaceSelectors."""
        name, labels = namespace["metadata"]["name"], labels_of(namespace)
        if gone:
            self.namespaces.pop(name, None)
        elif self.namespaces.get(name) != labels:
            self.namespaces[name] = labels
            self._counts.forget()

    def pod_changed(self, pod: Obj, *, gone: bool) -> bool:
        """A Pod was placed, changed or removed; True when a node gained room or rules relaxed."""
        key, node = key_of(pod), node_of(pod)
        holds = bool(node) and not gone and not is_terminal(pod)
        info = self.nodes.get(self._places.get(key, ""))
        old = info.pods.get(key) if info is not None else None
        if old is not None and holds and _unchanged(old, pod):
            return False
        if old is not None:
            self._remove(old)
        if holds:
            generation = pod["metadata"].get("generation")
            self._add(Placed(key, node, self.demand(pod), is_deleting(pod), generation))
        return old is not None and not holds

    def demand(self, pod: Obj) -> Demand:
        """The Pod's demand, remembered by kind."""
        return self._known(demand_key(pod), pod)

    def decide(self, pod: Obj, volumes: VolumeCheck | None = None) -> Decision:
        """The node for a Pod now; `volumes` checks nodes that are otherwise suitable."""
        kind = demand_key(pod)
        demand = self._known(kind, pod)
        volumes = self.nominations.check(key_of(pod), demand, volumes)
        pinned = demand.affinity.only_nodes()
        if pinned is not None:
            return self._pinned(demand, pinned, volumes)
        ranking = self._ranking(kind, demand)
        forbidden = self._forbidden(demand)
        if demand.rules.is_empty and not forbidden and volumes is None:
            best = ranking.best()
            return Decision(node=best) if best else self._none(ranking, Counter(), 0)
        return self._search(ranking, forbidden, volumes)

    def fits(self, demand: Demand, key: Key, node: str, volumes: VolumeCheck | None = None) -> bool:
        """Whether the Pod could go to this node in the present picture."""
        alone = Ranking(demand)
        alone.refresh([node], self.nodes)
        check = self.nominations.check(key, demand, volumes)
        return bool(self._search(alone, self._forbidden(demand), check).node)

    @contextmanager
    def without(self, pods: Iterable[Placed]) -> Iterator[Absent]:
        """The picture without these Pods; afterwards it is as before."""
        absent = Absent(self)
        try:
            for placed in pods:
                absent.take_out(placed)
            yield absent
        finally:
            absent.put_back_all()

    def _pinned(
        self, demand: Demand, names: frozenset[str], volumes: VolumeCheck | None
    ) -> Decision:
        """A Pod that names its nodes, as a DaemonSet's do: only these are checked."""
        alone = Ranking(demand)
        alone.refresh(sorted(names), self.nodes)
        looked_at = sum(1 for name in names if name in self.nodes and self.nodes[name].exists)
        decision = self._search(alone, self._forbidden(demand), volumes)
        if decision.node:
            return decision
        others = self.existing - looked_at
        return self._none(alone, {NOT_PINNED: others}, others)

    def _search(
        self, ranking: Ranking, forbidden: set[tuple[str, str]], volumes: VolumeCheck | None
    ) -> Decision:
        demand = ranking.demand
        here = [info for info in self.nodes.values() if info.exists]
        labels = self.namespaces.get(demand.namespace, {})
        topology = Topology(demand, here, self._counts, forbidden, labels)
        reasons: Counter[str] = Counter()
        hopeless, found = 0, []
        for name, value in ranking.fitting():
            node = self.nodes[name]
            refusal = (volumes(node) if volumes else None) or topology.refuse(node)
            if refusal is None:
                found.append((-value - topology.preference(node), name))
            else:
                reasons.update(refusal.reasons)
                hopeless += refusal.hopeless
        return Decision(node=min(found)[1]) if found else self._none(ranking, reasons, hopeless)

    def _none(self, ranking: Ranking, more: Mapping[str, int], hopeless: int) -> Decision:
        reasons = Counter(more)
        reasons.update(ranking.reasons)
        return Decision(message=unschedulable(self.existing, reasons, ranking.hopeless + hopeless))

    def _forbidden(self, demand: Demand) -> set[tuple[str, str]]:
        labels = self.namespaces.get(demand.namespace, {})
        pairs: set[tuple[str, str]] = set()
        for term, places in self._guards.items():
            if term.selects(demand.namespace, demand.labels, labels):
                values = (self.nodes[name].labels.get(term.topology) for name in places)
                pairs.update((term.topology, value) for value in values if value is not None)
        return pairs

    def _ranking(self, kind: str, demand: Demand) -> Ranking:
        ranking = self._rankings.get(kind)
        if ranking is None:
            ranking = self._rankings[kind] = Ranking(demand)
            ranking.seen = -1
            if len(self._rankings) > RANKINGS:
                self._rankings.popitem(last=False)
        self._rankings.move_to_end(kind)
        fresh = ranking.seen >= self._offset
        names = self._changed[ranking.seen - self._offset :] if fresh else list(self.nodes)
        ranking.refresh(dict.fromkeys(names), self.nodes)
        ranking.seen = self._offset + len(self._changed)
        return ranking

    def _known(self, kind: str, pod: Obj) -> Demand:
        demand = self._demands.get(kind)
        if demand is None:
            demand = self._demands[kind] = demand_of(pod)
            if len(self._demands) > 4 * RANKINGS:
                self._demands.popitem(last=False)
        return demand

    def _add(self, placed: Placed) -> None:
        self._node(placed.node).add(placed)
        self._places[placed.key] = placed.node
        self.priorities[placed.demand.priority] += 1
        self._account(placed, 1)

    def _remove(self, placed: Placed) -> None:
        self.nodes[placed.node].remove(placed.key)
        del self._places[placed.key]
        self.priorities[placed.demand.priority] -= 1
        if not self.priorities[placed.demand.priority]:
            del self.priorities[placed.demand.priority]
        self._account(placed, -1)

    def _account(self, placed: Placed, by: int) -> None:
        self._touch(placed.node)
        self._counts.count(placed, by)
        for term in placed.demand.rules.anti_affinity:
            places = self._guards.setdefault(term, Counter())
            places[placed.node] += by
            if not places[placed.node]:
                del places[placed.node]
                if not places:
                    del self._guards[term]

    def _touch(self, name: str) -> None:
        self._changed.append(name)
        if len(self._changed) > 1024 + 4 * len(self.nodes):
            half = len(self._changed) // 2
            del self._changed[:half]
            self._offset += half

    def _node(self, name: str) -> NodeInfo:
        info = self.nodes.get(name)
        if info is None:
            info = self.nodes[name] = NodeInfo(name)
        return info


class Absent:
    """Pods temporarily removed from a picture."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._pods: dict[Key, Placed] = {}

    def take_out(self, placed: Placed) -> None:
        """One more is not there."""
        self._picture._remove(placed)
        self._pods[placed.key] = placed

    def put_back(self, placed: Placed) -> None:
        """One is there again."""
        self._picture._add(self._pods.pop(placed.key))

    def put_back_all(self) -> None:
        """All are there again."""
        for placed in tuple(self._pods.values()):
            self.put_back(placed)


def _unchanged(old: Placed, pod: Obj) -> bool:
    """Whether a placed Pod's change is irrelevant: most are status updates.

    The generation moves with every change of the spec, an in-place resize included.
    """
    return (
        old.deleting == is_deleting(pod)
        and old.node == node_of(pod)
        and old.generation == pod["metadata"].get("generation")
        and old.demand.labels == labels_of(pod)
    )
