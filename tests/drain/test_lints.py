"""Budgets that can never be drained are told before anything is touched."""

from __future__ import annotations

from typing import Any

from resilience.cluster.interface import Object
from resilience.drain.lints import Lint, lint
from tests.drain.objects import budget, pod


def a_budget(name: str = "web", **status: Any) -> Object:
    made = budget(name)
    made["spec"]["minAvailable"] = 2
    made["status"].update({"expectedPods": 3, "desiredHealthy": 2, **status})
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
