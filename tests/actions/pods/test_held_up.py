"""Who keeps a budget closed is named with its state."""

from __future__ import annotations

from resilience.actions.pods import held_up
from resilience.cluster.interface import Object
from tests.actions.pods.test_blocking_budgets import Asking
from tests.drain.objects import budget, pod


def said(*others: Object, ready: bool = True) -> str:
    asked = pod("asked", ready=ready)
    context = Asking(budget(), budget("db", selector={"matchLabels": {"app": "db"}}), asked,
                     *others)  # fmt: skip
    return held_up.reason(asked, context)  # type: ignore[arg-type]


def test_pods_that_do_not_serve_are_named_with_their_state() -> None:
    waiting = pod("waiting", phase="Pending", ready=False)
    waiting["status"]["conditions"].append(
        {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}
    )
    ending = pod("ending", deletionTimestamp="2026-01-01T00:00:00Z")
    assert said(waiting, ending) == (
        "; shop/ending is terminating; shop/waiting is not scheduled (0/3 nodes are available)"
    )


def test_who_serves_has_ended_or_is_under_another_budget_is_not_named() -> None:
    other = pod("other", app="db", ready=False)
    assert said(pod("serving"), pod("done", phase="Succeeded", ready=False), other) == ""
    assert said(ready=False) == "", "nor the Pod itself"


def test_only_a_few_are_named() -> None:
    many = [pod(f"sick-{number}", ready=False) for number in range(5)]
    assert said(*many) == (
        "; shop/sick-0, shop/sick-1, shop/sick-2 are Running and not ready; and 2 more Pods"
    )
