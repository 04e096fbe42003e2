"""Which budgets stop an eviction for good, and which are only noted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from resilience.actions.pods import evictable
from resilience.cluster.interface import BUDGETS, PODS, REPLICASETS, Object
from resilience.kube.readiness import is_ready
from resilience.verbs.context import Blocked
from tests.drain.objects import budget, pod
from tests.engine.fakes import FakeClock, FakeCluster


def a_replicaset(name: str) -> Object:
    """It wants more Pods than a test has."""
    metadata = {"name": name, "namespace": "shop", "uid": f"uid-of-{name}"}
    return {"kind": "ReplicaSet", "metadata": metadata, "spec": {"replicas": 9}}


class Asking:
    """What `evictable` uses of a context."""

    def __init__(self, *objects: Object) -> None:
        self.cluster = FakeCluster(FakeClock())
        self.notes: list[str] = []
        for owner in ("web", "db"):
            self.cluster.put(REPLICASETS, a_replicaset(owner))
        for each in objects:
            self.cluster.put(BUDGETS if "disruptionsAllowed" in each["status"] else PODS, each)

    def note(self, what: object, text: str) -> None:
        self.notes.append(text)

    def require(self, *leaving: Object) -> Mapping[str, str]:
        return evictable.require(leaving, self)  # type: ignore[arg-type]


def never(name: str = "web", **more: Any) -> Object:
    """A budget that wants all of its Pods."""
    made = budget(name, allowed=0, healthy=1, **more)
    made["spec"]["maxUnavailable"] = 0
    made["status"]["expectedPods"] = 2
    return made


@pytest.mark.parametrize(
    ("leaving", "policy", "stops"),
    [
        (pod("a"), None, True),
        (pod("a"), "AlwaysAllow", True),
        (pod("a", ready=False), None, True),
        (pod("a", ready=False), "AlwaysAllow", False),
        (pod("a", phase="Succeeded"), None, False),
        (pod("a", phase="Failed"), None, False),
        (pod("a", phase="Pending", ready=False), None, False),
        (pod("a", deletionTimestamp="2026-01-01T00:00:00Z"), None, False),
        (pod("a", app="db"), None, False),
    ],
)
def test_a_budget_that_allows_nothing_stops_only_pods_that_need_it(
    leaving: Object, policy: str | None, stops: bool
) -> None:
    asking = Asking(never(policy=policy), pod("b"), leaving)
    if not stops:
        asking.require(leaving)
        return
    with pytest.raises(
        Blocked, match="nothing was touched: shop/web wants 2 of 2 Pods healthy"
    ) as told:
        asking.require(leaving)
    unready = "held although not ready: shop/a; a budget with unhealthyPodEvictionPolicy"
    assert (unready in str(told.value)) is not is_ready(leaving)


@pytest.mark.parametrize(("phase", "stops"), [("Running", True), ("Failed", False)])
def test_two_budgets_stop_any_pod_that_still_runs(phase: str, stops: bool) -> None:
    """Whatever they say about Pods that are not ready: the API server refuses before it asks."""
    leaving = pod("a", phase=phase, ready=False)
    each = [budget(name, policy="AlwaysAllow", desired=1) for name in ("one", "two")]
    asking = Asking(*each, leaving)
    if not stops:
        asking.require(leaving)
        return
    with pytest.raises(Blocked, match="no Pod under more than one budget"):
        asking.require(leaving)


def test_a_budget_that_its_controller_has_not_processed_is_noted_and_waited_for() -> None:
    leaving = pod("a")
    asking = Asking(never(generation=2), leaving)
    asking.require(leaving)
    assert asking.notes == [
        "shop/web was written, and the disruption controller has not processed it yet (generation"
        " 2, observedGeneration 1); until then, it lets nothing be evicted"
    ]


def ending(name: str) -> Object:
    made = pod(name)
    made["spec"]["restartPolicy"] = "Never"
    return made


def test_a_pod_that_ends_by_itself_is_waited_for_whatever_its_budget_allows() -> None:
    leaving = ending("a")
    asking = Asking(never(), pod("b"), leaving)
    assert list(asking.require(leaving)) == ["uid-a"]
    assert asking.notes == [
        "shop/a ends by itself once its containers have (restartPolicy Never); it is waited for,"
        " although shop/web allows no eviction"
    ]


def test_several_budgets_over_such_a_pod_are_named_once_each() -> None:
    leaving = ending("a")
    asking = Asking(never("two"), never("one"), leaving)
    asking.require(leaving)
    assert [note for note in asking.notes if "waited for" in note] == [
        "shop/a ends by itself once its containers have (restartPolicy Never); it is waited for,"
        " although shop/one and shop/two allow no eviction"
    ]


def test_one_pod_that_stays_is_enough_to_give_up() -> None:
    leaving = [ending("a"), pod("b", owner=None)]
    with pytest.raises(Blocked, match="nothing was touched: shop/web wants 2 of 2"):
        Asking(never(), *leaving).require(*leaving)
