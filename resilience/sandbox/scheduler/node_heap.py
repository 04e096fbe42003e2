"""Nodes ordered for one kind of Pod: the best one in O(log nodes), reasons without recounting.

Each kind of demand keeps the results of `check` and `score` for every node. When a node changes,
only that node is evaluated again, the next time this kind of Pod is placed.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from resilience.sandbox.scheduler.demand import Demand
from resilience.sandbox.scheduler.node_filters import Refusal, check
from resilience.sandbox.scheduler.node_picture import NodeInfo
from resilience.sandbox.scheduler.node_scores import score


class Ranking:
    """All nodes as seen by one kind of demand."""

    def __init__(self, demand: Demand) -> None:
        self.demand = demand
        self.seen = 0
        self.reasons: Counter[str] = Counter()
        self.hopeless = 0
        self._entries: dict[str, tuple[float, int]] = {}
        self._refusals: dict[str, Refusal] = {}
        self._heap: list[tuple[float, str, int]] = []
        self._version = 0

    def refresh(self, names: Iterable[str], nodes: Mapping[str, NodeInfo]) -> None:
        """Evaluate some nodes again."""
        for name in names:
            self._drop(name)
            node = nodes.get(name)
            if node is not None and node.exists:
                self._judge(node)
        if len(self._heap) > 64 + 4 * len(self._entries):
            self._heap = [(-s, name, version) for name, (s, version) in self._entries.items()]
            heapq.heapify(self._heap)

    def best(self) -> str | None:
        """The suitable node with the highest score, by name among equals; None if there is none."""
        while self._heap:
            _, name, version = self._heap[0]
            if self._entries.get(name, (0.0, -1))[1] == version:
                return name
            heapq.heappop(self._heap)
        return None

    def fitting(self) -> Iterator[tuple[str, float]]:
        """Every suitable node, with its score."""
        for name, (value, _) in self._entries.items():
            yield name, value

    def _judge(self, node: NodeInfo) -> None:
        refusal = check(self.demand, node)
        if refusal is not None:
            self._refusals[node.name] = refusal
            self.hopeless += refusal.hopeless
            self.reasons.update(refusal.reasons)
            return
        self._version += 1
        value = score(self.demand, node)
        self._entries[node.name] = (value, self._version)
        heapq.heappush(self._heap, (-value, node.name, self._version))

    def _drop(self, name: str) -> None:
        self._entries.pop(name, None)
        refusal = self._refusals.pop(name, None)
        if refusal is not None:
            self.hopeless -= refusal.hopeless
            self.reasons.subtract(refusal.reasons)
