"""Whether a Pod's `nodeSelector` and required `nodeAffinity` admit a node. Pure.

Semantics of k8s.io/component-helpers/scheduling/corev1/nodeaffinity: one term of several is enough,
all conditions of a term must hold, a term without conditions admits no node, and neither does a
condition that cannot be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from resilience.kube import objects
from resilience.kube.label_selector import matches
from resilience.kube.objects import Object

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def admits(pod: Object, node: Object) -> bool:
    """Whether the scheduler may choose the node, as far as its labels and its name go."""
    spec = pod.get("spec") or {}
    labels = objects.labels(node)
    if any(labels.get(key) != value for key, value in (spec.get("nodeSelector") or {}).items()):
        return False
    wanted = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get(REQUIRED)
    if wanted is None:
        return True
    return any(_term(term, node) for term in wanted.get("nodeSelectorTerms") or ())


def _term(term: Mapping[str, Any], node: Object) -> bool:
    by_label, by_field = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not by_label and not by_field:
        return False
    fields = {"metadata.name": objects.name(node)}
    return all(_holds(rule, objects.labels(node)) for rule in by_label) and all(
        _holds(rule, fields) for rule in by_field
    )


def _holds(rule: Mapping[str, Any], values: Mapping[str, str]) -> bool:
    operator = rule.get("operator")
    if operator in ("Gt", "Lt"):
        return _compares(values.get(str(rule.get("key"))), str(operator), rule.get("values") or ())
    return matches({"matchExpressions": [rule]}, values)


def _compares(value: str | None, operator: str, limits: Any) -> bool:
    try:
        [limit], number = (int(each) for each in limits), int(value or "")
    except ValueError:
        return False
    return number > limit if operator == "Gt" else number < limit
