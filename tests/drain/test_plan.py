"""Which Pods of a queue go now, in which order, and why the others wait."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.cluster.interface import Object
from resilience.drain.budgets import Allowance
from resilience.drain.plan import Queue
from tests.drain.objects import budget, pod

NOW = 100.0


def queue(*pods: Object, budgets: tuple[Object, ...] = ()) -> Queue:
    made = Queue([Allowance(each) for each in budgets])
    for each in pods:
        made.put(each)
    return made


def chosen(made: Queue) -> list[tuple[str, bool]]:
    """Name, and whether it spends from a budget."""
    found = made.choose(NOW)
    return [(step.pod["metadata"]["name"], step.allowance is not None) for step in found]


def sick(name: str, **more: Any) -> Object:
    return pod(name, ready=False, **more)


@pytest.mark.parametrize(
    ("pods", "budgets", "go"),
    [
        # no budget: all of them, those that are not ready first
        ([pod("a"), sick("b")], [], [("b", False), ("a", False)]),
        # one budget: as far as it allows
        ([pod("a"), pod("b")], [budget(allowed=0)], []),
        ([pod("a"), pod("b")], [budget(allowed=1)], [("a", True)]),
        ([pod("a"), pod("b")], [budget(allowed=2)], [("a", True), ("b", True)]),
        ([pod("a"), pod("b")], [budget(allowed=3)], [("a", True), ("b", True)]),
        # one that is not ready costs nothing while the rest is healthy, and room if it is not
        ([pod("a"), sick("b")], [budget(allowed=0, healthy=2, desired=2)], [("b", False)]),
        ([pod("a"), sick("b")], [budget(allowed=1, healthy=2, desired=2)],
         [("b", False), ("a", True)]),
        ([pod("a"), sick("b")], [budget(allowed=1, healthy=1, desired=2)], [("b", True)]),
        ([pod("a"), sick("b")], [budget(allowed=2, healthy=1, desired=2)],
         [("b", True), ("a", True)]),
        ([sick("a"), sick("b")], [budget(allowed=0, healthy=1, desired=2)], []),
        ([sick("a"), sick("b")], [budget(allowed=1, healthy=1, desired=2)], [("a", True)]),
    ],
)  # fmt: skip
def test_only_pods_that_their_budgets_allow_are_evicted_now(
    pods: list[Object], budgets: list[Object], go: Any
) -> None:
    assert chosen(queue(*pods, budgets=tuple(budgets))) == go


TWO = (budget("one", allowed=9), budget("two", allowed=9))


@pytest.mark.parametrize(
    ("covered", "goes"),
    [
        (sick("a"), False),
        (pod("a"), False),
        (sick("a", phase="Pending"), True),
        (sick("a", phase="Succeeded"), True),
        (sick("a", phase="Failed"), True),
        (sick("a", deletionTimestamp="2026-01-01T00:00:00Z"), True),
        ({**sick("a"), "status": None}, False),
    ],
)
def test_under_two_budgets_only_what_no_budget_is_asked_about_goes(
    covered: Object, goes: bool
) -> None:
    assert chosen(queue(covered, budgets=TWO)) == ([("a", False)] if goes else [])


@pytest.mark.parametrize("budgets", [(budget(allowed=0),), TWO])
def test_an_operators_pod_is_asked_for_although_its_budget_refuses(
    budgets: tuple[Object, ...],
) -> None:
    """Its webhook sees the request before the budget is read, and moves the Pod."""
    theirs = pod("a")
    theirs["metadata"]["ownerReferences"][0] |= {"kind": "VM", "apiVersion": "kubevirt.io/v1"}
    made = queue(theirs, pod("b"), budgets=budgets)
    assert chosen(made) == [("a", False)]
    made.drop("uid-a")
    assert chosen(made) == []
    made.put(theirs)
    assert chosen(made) == [("a", False)]


def test_an_operators_pod_spends_what_its_budget_allows() -> None:
    theirs = pod("a")
    theirs["metadata"]["ownerReferences"][0]["apiVersion"] = "kubevirt.io/v1"
    assert chosen(queue(theirs, budgets=(budget(allowed=1),))) == [("a", True)]
    assert chosen(queue(theirs)) == [("a", False)]


def test_a_pod_is_queued_once_with_its_newest_state() -> None:
    made = queue(pod("a"), sick("a"))
    assert (list(made.ready), list(made.first)) == ([], ["uid-a"])
    made.put(pod("a"))
    assert (list(made.ready), list(made.first)) == (["uid-a"], [])
    made.put(pod("a", phase="Failed"))
    assert [each["status"]["phase"] for each in made.first.values()] == ["Failed"]


@pytest.mark.parametrize("one", [pod("a"), sick("a")])
def test_a_queue_is_empty_once_its_pods_are_dropped(one: Object) -> None:
    made = queue(one)
    assert made
    made.drop("uid-a")
    made.drop("uid-a")
    assert not made


@pytest.mark.parametrize(
    ("budgets", "why"),
    [
        ((), ""),
        ((budget(healthy=2, desired=2),), "budget web needs 2 healthy pods and has 2 currently"),
        (TWO, "covered by more than one budget (one, two), and the API server evicts no such Pod:"
         " make all but one of them stop selecting it"),
    ],
)  # fmt: skip
def test_the_reason_to_wait_names_the_budgets(budgets: tuple[Object, ...], why: str) -> None:
    assert queue(budgets=budgets).reason() == why
