"""nodeSelector and node affinity: which nodes a Pod wants.

Source: component-helpers/scheduling/corev1/nodeaffinity. Terms are alternatives, the expressions
in a term must all hold; a term with neither expressions nor fields matches nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.selector_index import Labels, Requirement


@dataclass(frozen=True, slots=True)
class NodeTerm:
    """One NodeSelectorTerm."""

    expressions: tuple[Mapping[str, Any], ...]
    fields: tuple[Mapping[str, Any], ...]

    def matches(self, labels: Labels, name: str) -> bool:
        """Whether a node with these labels and this name matches."""
        if not self.expressions and not self.fields:
            return False
        return all(_holds(e, labels) for e in self.expressions) and all(
            _holds(f, {"metadata.name": name}) for f in self.fields
        )


@dataclass(frozen=True, slots=True)
class NodeAffinity:
    """What a Pod requires and prefers of a node's labels and name."""

    selector: tuple[tuple[str, str], ...] = ()
    required: tuple[NodeTerm, ...] | None = None
    preferred: tuple[tuple[int, NodeTerm], ...] = ()

    def matches(self, labels: Labels, name: str) -> bool:
        """Whether selector and required terms hold."""
        if any(labels.get(key) != value for key, value in self.selector):
            return False
        if self.required is None:
            return True
        return any(term.matches(labels, name) for term in self.required)

    def preference(self, labels: Labels, name: str) -> float:
        """Share of the preferred weights that this node meets, 0 to 1."""
        whole = sum(weight for weight, _ in self.preferred)
        met = sum(weight for weight, term in self.preferred if term.matches(labels, name))
        return met / whole if whole else 0.0

    def only_nodes(self) -> frozenset[str] | None:
        """The names to which matchFields pin the Pod, as for DaemonSet Pods; None if not all do."""
        if not self.required:
            return None
        names: set[str] = set()
        for term in self.required:
            pinned = [f for f in term.fields if f["operator"] == "In"]
            if not pinned:
                return None
            names.update(pinned[0].get("values") or ())
        return frozenset(names)


def of_pod(spec: Mapping[str, Any]) -> NodeAffinity:
    """The node affinity of a Pod spec (or template spec)."""
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    preferred = affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
    return NodeAffinity(
        tuple(sorted((spec.get("nodeSelector") or {}).items())),
        None if required is None else terms(required.get("nodeSelectorTerms") or ()),
        tuple((p["weight"], term(p["preference"])) for p in preferred),
    )


def terms(entries: Sequence[Mapping[str, Any]]) -> tuple[NodeTerm, ...]:
    """NodeSelectorTerms as values."""
    return tuple(map(term, entries))


def term(entry: Mapping[str, Any]) -> NodeTerm:
    """One NodeSelectorTerm as a value."""
    return NodeTerm(
        tuple(entry.get("matchExpressions") or ()), tuple(entry.get("matchFields") or ())
    )


def node_matches(node: Obj, affinity: NodeAffinity) -> bool:
    """`matches` for a raw Node."""
    metadata = node["metadata"]
    return affinity.matches(metadata.get("labels") or {}, metadata["name"])


def _holds(expression: Mapping[str, Any], labels: Labels) -> bool:
    operator: str = expression["operator"]
    values: list[str] = list(expression.get("values") or ())
    if operator not in ("Gt", "Lt"):
        return Requirement(expression["key"], operator, frozenset(values)).holds(labels)
    have = labels.get(expression["key"])
    try:
        number, bound = int(have or ""), int(values[0])
    except (ValueError, IndexError):
        return False
    return number > bound if operator == "Gt" else number < bound
