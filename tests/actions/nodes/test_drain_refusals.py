"""What a drain refuses, and what it does not wait for, before anything is touched."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.actions.nodes import drain, room
from resilience.actions.nodes.drain import VERB as DRAIN
from resilience.cluster.errors import Forbidden
from resilience.cluster.interface import BUDGETS, DAEMONSETS, NAMESPACES, NODES, PODS, Object
from resilience.drain import DrainResult, PodDrain, State, engine
from resilience.kube import objects
from resilience.model.report import RunRecord
from resilience.model.verb import Phase
from resilience.model.verdict import Outcome
from tests.actions.nodes.test_zone import by_node, node
from tests.actions.pods.test_blocking_budgets import Asking
from tests.engine.fakes import FakeClock
from tests.engine.helpers import World, step, world

EMPTY_DIR = [{"name": "cache", "emptyDir": {}}]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> World:
    """Time is virtual: each look of the drain costs some of it, and no wait in between."""
    wait = FakeClock.wait
    monkeypatch.setattr(FakeClock, "wait", lambda clock, seconds: wait(clock, seconds or 0.25))
    monkeypatch.setattr(engine, "TICK", 0.001)
    made = world()
    for name in ("node-1", "node-2"):
        made.cluster.put(NODES, node(name, "a"))
    by_node(made)
    return made


def standing(here: World, name: str, owner: str = "", **more: Any) -> Object:
    owners = [{"apiVersion": "apps/v1", "kind": owner, "name": "log", "uid": "gone",
               "controller": True}] if owner else []  # fmt: skip
    spec = {"nodeName": "node-1", "containers": [], "volumes": more.pop("volumes", [])}
    status = {"phase": more.pop("phase", "Running"), "conditions": [
        {"type": "Ready", "status": more.pop("ready", "True")}]}  # fmt: skip
    metadata = {"name": name, "namespace": "shop", "labels": {"app": "log"},
                "ownerReferences": owners, **more}  # fmt: skip
    return here.cluster.put(PODS, {"metadata": metadata, "spec": spec, "status": status})


def drained(here: World, **parameters: Any) -> RunRecord:
    return here.run(when=[step(DRAIN, Phase.WHEN, node="node-1", within=20.0, **parameters)])


def cordoned(here: World) -> bool:
    return any(method == "PATCH" and "/nodes/" in path for method, path in here.cluster.calls)


@pytest.mark.parametrize(
    ("pod", "allow", "reason"),
    [
        ({}, {}, "nothing would recreate it (a bare Pod); allow it with bare: true"),
        ({"owner": "DaemonSet"}, {"empty_dir": True},
         "nothing would recreate it (DaemonSet log does not exist); allow it with bare: true"),
        ({"owner": "ReplicaSet", "volumes": EMPTY_DIR}, {"bare": True},
         "has data in an emptyDir volume; allow it with empty_dir: true"),
    ],
)  # fmt: skip
def test_what_is_refused_is_refused_before_the_node_is_cordoned(
    here: World, pod: Any, allow: Any, reason: str
) -> None:
    standing(here, "log-1", **pod)
    record = drained(here, **allow)
    assert record.outcome is Outcome.REFUSED
    assert f"nothing was touched: shop/log-1 on node-1: {reason}" in record.message
    assert not cordoned(here)


@pytest.mark.parametrize("exists", [True, False])
def test_a_pod_whose_daemonset_is_gone_leaves_if_that_is_allowed(here: World, exists: bool) -> None:
    if exists:
        here.cluster.put(DAEMONSETS, {"metadata": {"name": "log", "namespace": "shop"}})
    standing(here, "log-1", owner="DaemonSet", volumes=EMPTY_DIR)
    standing(here, "other", owner="ReplicaSet")
    record = drained(here, bare=True, empty_dir=True)
    assert record.outcome is Outcome.PASSED, record.message
    assert [objects.name(pod) for pod in here.pods()] == (["log-1"] if exists else [])


def test_a_pod_that_had_no_time_to_end_by_itself_is_told_so() -> None:
    pods = [
        PodDrain(namespace="shop", name=name, uid=name, node="n", state=state, reason="why")
        for name, state in (("a", State.BLOCKED), ("b", State.BLOCKED), ("c", State.EVICTED))
    ]
    result, context = DrainResult(pods=pods, seconds=3.0), Asking()
    drain._explain(result, {"a": "ends by itself", "c": "x"}, context)  # type: ignore[arg-type]
    assert [pod.reason for pod in pods] == [
        "why; it ends by itself: give the step a longer `within`", "why", "why"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("owner", "more", "replaced"),
    [
        ("ReplicaSet", {}, True),
        ("ReplicaSet", {"deletionTimestamp": "2026-01-01T00:00:00Z"}, False),
        ("StatefulSet", {"deletionTimestamp": "2026-01-01T00:00:00Z"}, True),
        ("StatefulSet", {"phase": "Failed"}, False),
        ("Job", {"phase": "Succeeded"}, False),
        ("", {}, False),
    ],
)
def test_only_a_pod_that_is_replaced_elsewhere_needs_room(
    here: World, owner: str, more: Any, replaced: bool
) -> None:
    assert room._is_replaced(standing(here, "log-1", owner=owner, **more)) is replaced


SPREAD = [{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable":
           "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "log"}}}]  # fmt: skip


def spread(here: World, spare: int, rule: Any = None) -> None:
    """Two Pods of each node with this rule, under a budget that spares so many."""
    rule = rule or {"topologySpreadConstraints": SPREAD}
    for name in ("node-1", "node-2"):
        labels = {"kubernetes.io/hostname": name, "zone": "a"}
        here.cluster.change(NODES, "", name, lambda obj, own=labels: obj["metadata"].update(
            labels=own))  # type: ignore[misc]  # fmt: skip
        here.cluster.change(NODES, "", name, lambda obj: obj.update(
            status={"allocatable": {"cpu": "9", "memory": "9Gi", "pods": "99"}}))  # fmt: skip
    for number in range(4):
        made = standing(here, f"log-{number}", owner="ReplicaSet")
        made["spec"] |= {"nodeName": f"node-{number % 2 + 1}", **rule}
        here.cluster.change(PODS, "shop", f"log-{number}", lambda obj, new=made: obj.update(
            spec=new["spec"]))  # type: ignore[misc]  # fmt: skip
    numbers = {"expectedPods": 4, "desiredHealthy": 4 - spare, "currentHealthy": 4,
               "disruptionsAllowed": spare}  # fmt: skip
    wanted = {"selector": {"matchLabels": {"app": "log"}}, "minAvailable": 4 - spare}
    metadata = {"name": "log", "namespace": "shop"}
    here.cluster.put(BUDGETS, {"metadata": metadata, "spec": wanted, "status": numbers})


def test_a_drain_that_a_hard_spread_and_a_budget_never_end_is_foretold(here: World) -> None:
    spread(here, spare=1)
    record = drained(here)
    assert record.outcome is Outcome.BLOCKED
    assert "nothing was touched: the drain could not end, since budget shop/log spares 1" in (
        record.message
    )
    assert (
        "2 of them would not come back: no other node takes shop/log-0, shop/log-2: 0/1 nodes"
        in (record.message)
    )
    assert not cordoned(here)


def test_a_drain_that_costs_replicas_which_the_budget_spares_is_done_and_told(here: World) -> None:
    spread(here, spare=2)
    record = drained(here)
    assert cordoned(here)
    assert "without node-1" not in record.message
    told = [entry.text for entry in here.entries]
    assert any("no other node can take shop/log-0, shop/log-2: 0/1 nodes" in text for text in told)


def between(kind: str, key: str, **term: Any) -> Any:
    """A required rule of this kind towards Pods of the cache."""
    selector = {"matchLabels": {"app": "cache"}}
    terms = [{"topologyKey": key, "labelSelector": selector, **term}]
    return {"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": terms}}}


def cache(here: World, node: str, namespace: str = "shop") -> None:
    """A Pod of a DaemonSet, which no drain removes."""
    owner = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "cache", "uid": "c",
             "controller": True}  # fmt: skip
    metadata = {"name": "cache", "namespace": namespace, "labels": {"app": "cache"},
                "ownerReferences": [owner]}  # fmt: skip
    here.cluster.put(DAEMONSETS, {"metadata": {"name": "cache", "namespace": namespace}})
    spec = {"nodeName": node, "containers": []}
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    here.cluster.put(PODS, {"metadata": metadata, "spec": spec, "status": status})


@pytest.mark.parametrize(("key", "ends"), [("kubernetes.io/hostname", False), ("zone", True)])
def test_who_stays_on_the_drained_node_is_near_in_its_zone_only(
    here: World, key: str, ends: bool
) -> None:
    spread(here, spare=1, rule=between("podAffinity", key))
    cache(here, "node-1")
    record = drained(here)
    assert ("could not end" in record.message) is not ends
    assert cordoned(here) is ends


@pytest.mark.parametrize(
    ("team", "may_list", "ends"), [("red", True, False), ("blue", True, True), ("red", False, True)]
)
def test_namespaces_are_told_by_their_labels_where_these_may_be_read(
    here: World, team: str, may_list: bool, ends: bool
) -> None:
    here.cluster.put(NAMESPACES, {"metadata": {"name": "bank", "labels": {"team": team}}})
    if not may_list:
        listing = NAMESPACES.path("")
        here.cluster.faults.append(
            lambda method, path: Forbidden(403, "no") if path == listing else None
        )
    by_team = {"namespaceSelector": {"matchLabels": {"team": "red"}}}
    spread(here, spare=1, rule=between("podAntiAffinity", "kubernetes.io/hostname", **by_team))
    cache(here, "node-2", "bank")
    assert ("could not end" in drained(here).message) is not ends
    assert cordoned(here) is ends
