"""`LabelSelector` objects of the API: matchLabels and matchExpressions, evaluated.

Semantics of k8s.io/apimachinery/pkg/apis/meta/v1 (LabelSelectorAsSelector): all conditions must
hold, an empty selector matches everything, and `NotIn` also matches objects that lack the key. A
selector with an unknown operator matches nothing: the API server's eviction and its disruption
controller skip such an object. Any value in these fields of a manifest can be read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from resilience.kube.selectors import Operator, Requirement

_OPERATORS = {
    "In": Operator.IN,
    "NotIn": Operator.NOT_IN,
    "Exists": Operator.EXISTS,
    "DoesNotExist": Operator.ABSENT,
}


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether an object with these labels is selected."""
    wanted = selector.get("matchLabels")
    pairs = wanted.items() if isinstance(wanted, Mapping) else ()
    return all(labels.get(str(key)) == str(value) for key, value in pairs) and all(
        _holds(rule, labels) for rule in _list(selector.get("matchExpressions"))
    )


def _holds(rule: Any, labels: Mapping[str, str]) -> bool:
    if not isinstance(rule, Mapping):
        return False
    operator = _OPERATORS.get(str(rule.get("operator")))
    if operator is None:
        return False
    values = tuple(str(each) for each in _list(rule.get("values")))
    return Requirement(str(rule.get("key")), operator, values).matches(labels)


def _list(found: Any) -> Sequence[Any]:
    return found if isinstance(found, list | tuple) else ()
