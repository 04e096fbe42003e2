"""Rules between Pods decided: which of the fitting nodes remain, and which are preferred.

Only Pods with such rules (or Pods that another's anti-affinity forbids) come here; it costs
O(nodes) per Pod. Semantics 3.13; sources: framework/plugins/{interpodaffinity,podtopologyspread}.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from typing import Final

from resilience.sandbox.kube.selector_index import Labels
from resilience.sandbox.kube.taints import NO_EXECUTE, NO_SCHEDULE, untolerated
from resilience.sandbox.scheduler.demand import Demand
from resilience.sandbox.scheduler.interpod import Spread, Term
from resilience.sandbox.scheduler.node_filters import Refusal
from resilience.sandbox.scheduler.node_picture import NodeInfo, TermCounts

SPREAD: Final = Refusal(("node(s) didn't match pod topology spread constraints",), False)
SPREAD_LABEL: Final = Refusal(
    ("node(s) didn't match pod topology spread constraints (missing required label)",), True
)
EXISTING: Final = Refusal(("node(s) didn't satisfy existing pods anti-affinity rules",), False)
FAR: Final = Refusal(("node(s) didn't match pod anti-affinity rules",), False)
NEAR: Final = Refusal(("node(s) didn't match pod affinity rules",), True)


class Topology:
    """Bound to one decision: one Pod's demand, all nodes."""

    def __init__(
        self,
        demand: Demand,
        nodes: Sequence[NodeInfo],
        counts: TermCounts,
        forbidden: Set[tuple[str, str]],
        namespace_labels: Labels,
    ) -> None:
        """`forbidden` are the (label, value) pairs that placed Pods' anti-affinity guards."""
        self._demand = demand
        self._counts = counts
        self._forbidden = forbidden
        self._namespace_labels = namespace_labels
        rules = demand.rules
        self._spreads = [(s, self._spread_counts(s, nodes)) for s in rules.spreads if s.hard]
        self._soft = [(s, self._spread_counts(s, nodes)) for s in rules.spreads if not s.hard]
        self._near = [(t, counts.by_domain(t)) for t in rules.affinity]
        self._far = [(t, counts.by_domain(t)) for t in rules.anti_affinity]
        self._wishes = [(w, t, counts.by_domain(t)) for w, t in rules.preferred]

    def refuse(self, node: NodeInfo) -> Refusal | None:
        """Why the rules exclude a node."""
        return (
            next((r for s, c in self._spreads if (r := self._skewed(s, c, node))), None)
            or (None if self._is_near(node) else NEAR)
            or (FAR if any(_at(t, d, node) for t, d in self._far) else None)
            or (EXISTING if any(node.labels.get(k) == v for k, v in self._forbidden) else None)
        )

    def preference(self, node: NodeInfo) -> float:
        """Extra score from preferred terms and ScheduleAnyway spreads, both of weight 2."""
        wishes = sum(w * d.get(node.labels.get(t.topology, ""), 0) for w, t, d in self._wishes)
        whole = sum(abs(w) * max(d.values(), default=0) for w, _, d in self._wishes)
        score = 200.0 * wishes / whole if whole else 0.0
        for spread, domains in self._soft:
            value = node.labels.get(spread.topology)
            score -= 200.0 * math.log2(1 + domains.get(value, 0)) if value else 400.0
        return score

    def _spread_counts(self, spread: Spread, nodes: Sequence[NodeInfo]) -> dict[str, int]:
        """Pods per domain, over the nodes that take part; empty domains count as 0."""
        by_node = self._counts.by_node(spread.term, with_deleting=False)
        keys = {s.topology for s in self._demand.rules.spreads if s.hard == spread.hard}
        domains: dict[str, int] = {}
        for node in nodes:
            if keys <= node.labels.keys() and self._takes_part(spread, node):
                value = node.labels[spread.topology]
                domains[value] = domains.get(value, 0) + by_node.get(node.name, 0)
        return domains

    def _takes_part(self, spread: Spread, node: NodeInfo) -> bool:
        demand = self._demand
        if spread.honour_affinity and not demand.affinity.matches(node.labels, node.name):
            return False
        effects = (NO_SCHEDULE, NO_EXECUTE)
        return not (spread.honour_taints and untolerated(node.taints, demand.tolerations, effects))

    def _skewed(self, spread: Spread, domains: dict[str, int], node: NodeInfo) -> Refusal | None:
        value = node.labels.get(spread.topology)
        if value is None:
            return SPREAD_LABEL
        least = min(domains.values(), default=0) if len(domains) >= spread.min_domains else 0
        own = 1 if self._selects_itself(spread.term) else 0
        skew = domains.get(value, 0) + own - least
        return SPREAD if skew > spread.max_skew else None

    def _is_near(self, node: NodeInfo) -> bool:
        if not self._near:
            return True
        if any(term.topology not in node.labels for term, _ in self._near):
            return False
        if all(_at(term, domains, node) for term, domains in self._near):
            return True
        # The first of a group that wants to be together would wait for itself forever.
        first = not any(domains for _, domains in self._near)
        return first and all(self._selects_itself(term) for term, _ in self._near)

    def _selects_itself(self, term: Term) -> bool:
        demand = self._demand
        return term.selects(demand.namespace, demand.labels, self._namespace_labels)


def _at(term: Term, domains: Mapping[str, int], node: NodeInfo) -> bool:
    value = node.labels.get(term.topology)
    return value is not None and domains.get(value, 0) > 0
