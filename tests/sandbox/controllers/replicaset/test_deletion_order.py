"""Which Pods a ReplicaSet deletes first (rules 3.1): each rule against all rules below it."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.controllers.replicaset.deletion_order import (
    crowding,
    deletion_cost,
    rank_for_deletion,
)
from resilience.sandbox.host.sandbox_clock import stamp
from resilience.sandbox.kube.api import Obj

NOW = 1_800_000_000.0


def a_pod(
    name: str,
    *,
    node: str = "node-1",
    phase: str = "Running",
    ready: bool = True,
    ready_for: float = 1000,
    age: float = 2000,
    cost: str | None = None,
    restarts: int = 0,
    sidecar_restarts: int = 0,
    uid: str = "",
) -> Obj:
    since = stamp(NOW - ready_for)
    status: dict[str, Any] = {
        "phase": phase,
        "conditions": [
            {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": since}
        ],
        "containerStatuses": [{"name": "app", "restartCount": restarts}],
        "initContainerStatuses": [{"name": "side", "restartCount": sidecar_restarts}],
    }
    metadata: dict[str, Any] = {
        "name": name, "namespace": "default", "uid": uid or name,
        "creationTimestamp": stamp(NOW - age),
    }  # fmt: skip
    if cost is not None:
        metadata["annotations"] = {"controller.kubernetes.io/pod-deletion-cost": cost}
    spec = {
        "nodeName": node,
        "containers": [{"name": "app"}],
        "initContainers": [{"name": "side", "restartPolicy": "Always"}],
    }
    return {"metadata": metadata, "spec": spec, "status": status}


def order(*pods: Obj, crowd: dict[str, int] | None = None) -> list[str]:
    return [p["metadata"]["name"] for p in rank_for_deletion(pods, crowd or {}, NOW)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # Each pair: the loser's one weakness, against a winner that is worse in all later rules.
        pytest.param({"node": "", "cost": "9"}, {"cost": "1"}, id="unassigned"),
        pytest.param({"phase": "Pending", "cost": "9"}, {"phase": "Unknown"}, id="pending"),
        pytest.param({"phase": "Unknown", "cost": "9"}, {"phase": "Running"}, id="unknown"),
        pytest.param({"ready": False, "cost": "9"}, {"cost": "1"}, id="not ready"),
        pytest.param({"cost": "-1", "ready_for": 9e6}, {"cost": "0", "ready_for": 1}, id="cost"),
        pytest.param({"cost": "1", "age": 9e6}, {"cost": "2", "age": 1}, id="cost beats age"),
        pytest.param({"ready_for": 10}, {"ready_for": 1000, "restarts": 5}, id="ready shorter"),
        pytest.param({"restarts": 3}, {"age": 10}, id="restarts"),
        pytest.param({"sidecar_restarts": 1}, {"age": 10}, id="sidecar restarts"),
        pytest.param({"age": 1000}, {"age": 100_000}, id="younger"),
    ],
)
def test_the_first_is_deleted_before_the_second(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    one, other = a_pod("z-first", **first), a_pod("a-second", **second)
    assert order(one, other) == ["z-first", "a-second"]
    assert order(other, one) == ["z-first", "a-second"]


def test_the_node_with_more_related_pods_loses_one_first() -> None:
    one, other = a_pod("one", node="crowded", ready_for=9e6), a_pod("other", ready_for=1)
    assert order(other, one, crowd={"crowded": 2, "node-1": 1}) == ["one", "other"]


def test_deletion_cost_outranks_a_crowded_node() -> None:
    one, other = a_pod("one", node="crowded", cost="5"), a_pod("other", cost="4")
    assert order(one, other, crowd={"crowded": 9}) == ["other", "one"]


def test_about_equal_times_are_decided_by_uid_not_by_age() -> None:
    younger, older = a_pod("young", ready_for=1000, uid="b"), a_pod("old", ready_for=1020, uid="a")
    assert order(younger, older) == ["old", "young"]


def test_crowding_counts_active_pods_only() -> None:
    ended = a_pod("ended", phase="Succeeded")
    leaving = a_pod("leaving")
    leaving["metadata"]["deletionTimestamp"] = stamp(NOW)
    assert crowding([a_pod("a"), ended, leaving]) == {"node-1": 1}


@pytest.mark.parametrize(
    ("text", "cost"),
    [("5", 5), ("-3", -3), ("0", 0), ("+5", 0), ("05", 0), ("5.0", 0), ("", 0),
     ("2147483648", 0), ("2147483647", 2147483647)],
)  # fmt: skip
def test_a_deletion_cost_that_is_no_plain_int32_counts_as_zero(text: str, cost: int) -> None:
    assert deletion_cost(a_pod("x", cost=text)) == cost
