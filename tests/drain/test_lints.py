"""Budgets that can never be drained are told before anything is touched."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.cluster.interface import Object
from resilience.drain.lints import Lint, lint
from tests.drain.objects import budget, pod


def a_budget(name: str = "web", **status: Any) -> Object:
    made = budget(name)
    made["spec"]["minAvailable"] = 2
    numbers = {"expectedPods": 3, "desiredHealthy": 2, "disruptionsAllowed": 0}
    made["status"].update({**numbers, **status})
    return made


def kinds(*budgets: Object, pods: tuple[Object, ...] = (pod("a"), pod("b"))) -> list[Lint]:
    return [warning.lint for warning in lint(budgets, pods)]


def test_a_sound_budget_is_not_complained_about() -> None:
    assert kinds(a_budget()) == []


def test_two_budgets_on_one_pod_block_each_other() -> None:
    assert kinds(a_budget("one"), a_budget("two")) == [Lint.SEVERAL, Lint.SEVERAL]


def test_a_budget_that_wants_all_pods_never_allows_anything() -> None:
    [warning] = lint([a_budget(desiredHealthy=3)], [pod("a")])
    assert (warning.lint, warning.blocks) == (Lint.NEVER, True)
    assert "wants 3 of 3 Pods healthy at all times (minAvailable: 2)" in warning.text


def test_one_replica_that_must_be_available_is_named_as_such() -> None:
    assert kinds(a_budget(expectedPods=1, desiredHealthy=1)) == [Lint.SINGLE]


def test_a_budget_that_covers_nothing_is_probably_a_typing_mistake() -> None:
    [warning] = lint([a_budget()], [pod("a", app="other")])
    assert (warning.lint, warning.blocks) == (Lint.EMPTY, False)


def test_a_budget_that_cannot_be_computed_says_what_its_controller_says() -> None:
    condition = {
        "type": "DisruptionAllowed",
        "status": "False",
        "reason": "SyncFailed",
        "message": "found no controller ref for pod",
    }
    [warning] = lint([a_budget(conditions=[condition])], [pod("a")])
    assert warning.lint is Lint.FAILED
    assert "found no controller ref" in warning.text


def test_max_unavailable_does_not_count_bare_pods() -> None:
    percent = a_budget(expectedPods=0)
    percent["spec"] = {"selector": percent["spec"]["selector"], "maxUnavailable": "50%"}
    [warning] = lint([percent], [pod("lonely", owner=None)])
    assert (warning.lint, warning.blocks) == (Lint.UNOWNED, True)
    assert "lonely" in warning.text


@pytest.mark.parametrize(
    ("status", "found"),
    [
        ({"expectedPods": 3, "desiredHealthy": 2}, []),
        ({"expectedPods": 3, "desiredHealthy": 3}, [(Lint.NEVER, True)]),
        ({"expectedPods": 3, "desiredHealthy": 4}, [(Lint.NEVER, True)]),
        ({"expectedPods": 1, "desiredHealthy": 1}, [(Lint.SINGLE, True)]),
        ({"expectedPods": 1, "desiredHealthy": 0}, []),
        ({"expectedPods": 0, "desiredHealthy": 0}, []),
        ({"expectedPods": 0, "desiredHealthy": 1}, []),
        ({"expectedPods": 3, "desiredHealthy": 3, "disruptionsAllowed": 1}, []),
        ({"expectedPods": 1}, []),
        ({"desiredHealthy": 1}, []),
    ],
)
def test_a_budget_blocks_when_it_wants_all_that_it_expects(status: Any, found: Any) -> None:
    made = a_budget()
    made["status"] = {"observedGeneration": 1, **status}
    assert [(each.lint, each.blocks) for each in lint([made], [pod("a")])] == found


@pytest.mark.parametrize("status", [None, {}, {"observedGeneration": 1, "expectedPods": 0}])
def test_nothing_is_concluded_from_a_status_that_is_not_of_the_present_spec(status: Any) -> None:
    """Its numbers are of the spec before: waiting for the controller is right, not giving up."""
    made = budget(generation=2)
    made["spec"]["maxUnavailable"] = "50%"
    made["status"] = status and {**status, "desiredHealthy": 3, "conditions": [
        {"type": "DisruptionAllowed", "reason": "SyncFailed"}]}  # fmt: skip
    [told] = lint([made], [pod("a", owner=None)])
    assert (told.lint, told.blocks) == (Lint.PENDING, False)
    assert told.text == (
        "shop/web was written, and the disruption controller has not processed it yet (generation"
        f" 2, observedGeneration {(status or {}).get('observedGeneration', 0)}); until then, it"
        " lets nothing be evicted"
    )


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ({"type": "DisruptionAllowed", "reason": "SyncFailed", "message": "why"}, "why"),
        ({"type": "DisruptionAllowed", "reason": "SyncFailed"}, "SyncFailed"),
        ({"type": "DisruptionAllowed", "reason": "SufficientPods", "message": "why"}, ""),
        ({"type": "Other", "reason": "SyncFailed", "message": "why"}, ""),
    ],
)
def test_only_a_failure_of_the_controller_counts_as_one(condition: Any, said: str) -> None:
    found = lint([a_budget(conditions=[{"type": "First"}, condition])], [pod("a")])
    assert [each.text for each in found] == ([f"shop/web allows nothing: {said}"] if said else [])
    assert all(each.blocks for each in found)


@pytest.mark.parametrize(
    ("spec", "expected", "text"),
    [
        ({"minAvailable": 1}, 3, ""),
        ({"minAvailable": "50%"}, 3, "uses minAvailable: 50%, which"),
        ({"maxUnavailable": 1}, 3, "uses maxUnavailable: 1, which"),
        ({"maxUnavailable": "50%"}, 0, "uses maxUnavailable: 50%, which"),
    ],
)
def test_bare_pods_are_named_where_they_are_not_counted(
    spec: Any, expected: int, text: str
) -> None:
    made = a_budget(expectedPods=expected, desiredHealthy=0)
    made["spec"] = {"selector": made["spec"]["selector"], **spec}
    covered = [pod("b", owner=None), pod("owned"), pod("a", owner=None)]
    found = lint([made], covered)
    assert [(each.lint, each.blocks) for each in found] == (
        [(Lint.UNOWNED, expected == 0)] if text else []
    )
    assert all(text in each.text and "a controller: a, b; give" in each.text for each in found)
    assert lint([made], [pod("owned")]) == []


def test_budgets_block_each_other_only_over_the_same_pods() -> None:
    db = budget("db", selector={"matchLabels": {"app": "db"}})
    db["spec"]["minAvailable"] = 0
    pods = [pod("a"), pod("b", app="db")]
    assert lint([a_budget(), db], pods) == []
    found = lint([a_budget("two"), a_budget("one"), a_budget("three")], pods)
    assert [each.budget for each in found] == ["shop/one", "shop/three", "shop/two"]
    assert "shop/one covers Pods that shop/three, shop/two covers too" in found[0].text
    assert all(each.blocks for each in found)


def test_a_budget_without_a_spec_covers_nothing() -> None:
    made = a_budget()
    made["spec"] = None
    assert [each.lint for each in lint([made], [pod("a")])] == [Lint.EMPTY]
