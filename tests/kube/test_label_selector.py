"""One evaluation of a LabelSelector, for budgets and for the audit."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.audit.base.matching import Index
from resilience.drain.budgets import selects
from resilience.kube.label_selector import matches

LABELS = {"app": "shop", "tier": "web"}


def rule(operator: str, *values: str, key: str = "app") -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({}, True),
        ({"matchLabels": {"app": "shop"}}, True),
        ({"matchLabels": {"app": "shop", "tier": "db"}}, False),
        (rule("In", "shop", "cart"), True),
        (rule("In", "cart"), False),
        (rule("NotIn", "cart"), True),
        (rule("NotIn", "shop"), False),
        (rule("NotIn", "x", key="absent"), True),
        (rule("Exists"), True),
        (rule("Exists", key="absent"), False),
        (rule("DoesNotExist", key="absent"), True),
        (rule("DoesNotExist"), False),
        ({"matchLabels": {"app": "shop"}} | rule("In", "cart"), False),
    ],
)
def test_a_selector_matches_only_if_all_its_conditions_hold(
    selector: dict[str, Any], expected: bool
) -> None:
    assert matches(selector, LABELS) is expected


@pytest.mark.parametrize(
    "selector",
    [
        rule("Near", "shop"),
        rule("in", "shop"),
        {"matchExpressions": ["app"]},
        {"matchExpressions": [{"key": "app"}]},
        {"matchExpressions": [{"key": "app", "operator": "In", "values": None}]},
    ],
)
def test_what_nobody_knows_matches_nothing_for_budgets_and_audit_alike(
    selector: dict[str, Any],
) -> None:
    assert not matches(selector, LABELS)
    pod = {"metadata": {"namespace": "shop", "labels": LABELS}}
    assert not selects({"metadata": {"namespace": "shop"}, "spec": {"selector": selector}}, pod)
    assert not Index([]).selected(selector)
