"""Rules between Pods: affinity, anti-affinity, topology spread; parsed, not yet decided.

Sources: framework/plugins/interpodaffinity, podtopologyspread. A term without namespaces and
namespaceSelector means the Pod's own namespace; an empty namespaceSelector means all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.object_edits import labels_of
from resilience.sandbox.kube.selector_index import (
    Labels,
    Requirement,
    Selector,
    from_spec,
)


@dataclass(frozen=True, slots=True)
class Term:
    """Which Pods, and over which topology."""

    namespaces: frozenset[str]
    namespace_selector: Selector | None
    selector: Selector
    topology: str

    def selects(self, namespace: str, labels: Labels, namespace_labels: Labels) -> bool:
        """Whether a Pod matches."""
        chosen = self.namespace_selector
        here = namespace in self.namespaces or (
            chosen is not None and chosen.matches(namespace_labels)
        )
        return here and self.selector.matches(labels)


@dataclass(frozen=True, slots=True)
class Spread:
    """One topologySpreadConstraint."""

    max_skew: int
    topology: str
    hard: bool
    term: Term
    min_domains: int
    honour_affinity: bool
    honour_taints: bool


@dataclass(frozen=True, slots=True)
class PodRules:
    """All rules of one Pod about others."""

    affinity: tuple[Term, ...] = ()
    anti_affinity: tuple[Term, ...] = ()
    preferred: tuple[tuple[int, Term], ...] = ()
    spreads: tuple[Spread, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether other Pods do not affect this one."""
        return not (self.affinity or self.anti_affinity or self.preferred or self.spreads)


NO_RULES = PodRules()


def rules_of(pod: Obj) -> PodRules:
    """Parse a Pod's rules; most Pods have none."""
    spec = pod["spec"]
    affinity = spec.get("affinity") or {}
    spreads = spec.get("topologySpreadConstraints") or ()
    if not spreads and not affinity.get("podAffinity") and not affinity.get("podAntiAffinity"):
        return NO_RULES
    near, far = affinity.get("podAffinity") or {}, affinity.get("podAntiAffinity") or {}
    required, preferred = (
        "requiredDuringSchedulingIgnoredDuringExecution",
        "preferredDuringSchedulingIgnoredDuringExecution",
    )
    wishes = [(w["weight"], _term(pod, w["podAffinityTerm"])) for w in near.get(preferred) or ()]
    wishes += [(-w["weight"], _term(pod, w["podAffinityTerm"])) for w in far.get(preferred) or ()]
    return PodRules(
        tuple(_term(pod, t) for t in near.get(required) or ()),
        tuple(_term(pod, t) for t in far.get(required) or ()),
        tuple(wishes),
        tuple(_spread(pod, s) for s in spreads),
    )


def _term(pod: Obj, entry: Mapping[str, Any]) -> Term:
    names, chosen = entry.get("namespaces") or (), entry.get("namespaceSelector")
    own = () if names or chosen is not None else (pod["metadata"]["namespace"],)
    selector = _with_keys(pod, from_spec(entry.get("labelSelector")), entry)
    return Term(
        frozenset((*names, *own)),
        None if chosen is None else from_spec(chosen),
        selector,
        entry["topologyKey"],
    )


def _spread(pod: Obj, entry: Mapping[str, Any]) -> Spread:
    selector = _with_keys(pod, from_spec(entry.get("labelSelector")), entry)
    own = frozenset((pod["metadata"]["namespace"],))
    return Spread(
        entry["maxSkew"],
        entry["topologyKey"],
        entry["whenUnsatisfiable"] == "DoNotSchedule",
        Term(own, None, selector, entry["topologyKey"]),
        entry.get("minDomains") or 1,
        entry.get("nodeAffinityPolicy", "Honor") == "Honor",
        entry.get("nodeTaintsPolicy", "Ignore") == "Honor",
    )


def _with_keys(pod: Obj, selector: Selector, entry: Mapping[str, Any]) -> Selector:
    """`matchLabelKeys` and `mismatchLabelKeys` become requirements with the Pod's own values."""
    if selector.requirements is None:
        return selector
    labels = labels_of(pod)
    more = [*_keys(entry.get("matchLabelKeys"), "In", labels)]
    more += _keys(entry.get("mismatchLabelKeys"), "NotIn", labels)
    return Selector((*selector.requirements, *more))


def _keys(keys: Iterable[str] | None, operator: str, labels: Labels) -> list[Requirement]:
    return [
        Requirement(key, operator, frozenset((labels[key],))) for key in keys or () if key in labels
    ]
