"""Node lifecycle, taint eviction and Pod garbage collection (rules 3.8)."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.controllers.nodes.node_health import Zone, eviction_period, zone_state
from resilience.sandbox.controllers.nodes.taint_eviction import eviction_delay
from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.object_edits import condition, is_true
from resilience.sandbox.kube.pod_facts import is_ready
from tests.sandbox.controllers.world import World, deployment, pod

UNREACHABLE, NOT_READY = "node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready"


def taints(world: World, node: str = "node-1") -> set[tuple[str, str]]:
    found = world.get("nodes", node)["spec"].get("taints") or ()
    return {(t["key"].removeprefix("node.kubernetes.io/"), t["effect"]) for t in found}


def ready(world: World, node: str = "node-1") -> str:
    found = condition(world.get("nodes", node), "Ready")
    assert found is not None
    return str(found["status"])


def test_a_new_node_loses_its_taint_when_it_reports_ready(world: World) -> None:
    assert all(taints(world, f"node-{n}") == set() for n in (1, 2, 3))


def test_a_node_that_has_not_reported_is_tainted(world: World) -> None:
    world.create("nodes", {"metadata": {"name": "new"}})
    world.run(0)
    assert taints(world, "new") == {("not-ready", "NoSchedule")}


def test_a_cordoned_node_is_tainted_and_an_uncordoned_one_is_not(world: World) -> None:
    world.patch("nodes", "node-1", {"spec": {"unschedulable": True}})
    world.run(0)
    assert taints(world) == {("unschedulable", "NoSchedule")}
    world.patch("nodes", "node-1", {"spec": {"unschedulable": None}})
    world.run(0)
    assert taints(world) == set()


@pytest.mark.parametrize(
    ("type", "key"),
    [("MemoryPressure", "memory-pressure"), ("DiskPressure", "disk-pressure"),
     ("PIDPressure", "pid-pressure")],
)  # fmt: skip
def test_pressure_taints_the_node_while_it_lasts(world: World, type: str, key: str) -> None:
    world.report_node("node-1", "True", **{type: "True"})
    world.run(0)
    assert taints(world) == {(key, "NoSchedule")}
    world.report_node("node-1", "True")
    world.run(0)
    assert taints(world) == set()


def test_a_users_own_taint_is_left_alone(world: World) -> None:
    own = {"key": "dedicated", "value": "db", "effect": "NoSchedule"}
    world.patch("nodes", "node-1", {"spec": {"taints": [own], "unschedulable": True}})
    world.run(0)
    assert taints(world) == {("dedicated", "NoSchedule"), ("unschedulable", "NoSchedule")}


def test_a_silent_node_is_unknown_after_fifty_seconds_not_sooner(world: World) -> None:
    world.silent.add("node-1")
    world.run(49)
    assert ready(world) == "True"
    world.run(17)  # the last Lease up to 10 s before, the monitor's round 5 s, and a little
    assert ready(world) == "Unknown"
    found = condition(world.get("nodes", "node-1"), "Ready")
    assert found is not None
    assert (found["reason"], found["message"]) == (
        "NodeStatusUnknown", "Kubelet stopped posting node status.",
    )  # fmt: skip
    for type in ("MemoryPressure", "DiskPressure", "PIDPressure"):
        other = condition(world.get("nodes", "node-1"), type)
        assert other is not None
        assert other["status"] == "Unknown"


def test_a_lease_that_is_renewed_keeps_a_node_ready(world: World) -> None:
    world.run(600)
    assert ready(world) == "True"


def lost(world: World) -> World:
    world.silent.add("node-1")
    world.until(lambda: ready(world) == "Unknown", within=80)
    world.run(0)
    return world


def test_a_lost_node_gets_both_taints_and_an_event(world: World) -> None:
    lost(world)
    assert taints(world) == {("unreachable", "NoSchedule"), ("unreachable", "NoExecute")}
    assert world.events("NodeNotReady", "node-1") == ["Node node-1 status is now: NodeNotReady"]


def test_a_node_that_says_not_ready_gets_the_other_taints(world: World) -> None:
    world.report_node("node-1", "False")
    world.run(0)
    assert taints(world) == {("not-ready", "NoSchedule"), ("not-ready", "NoExecute")}


def test_pods_of_a_lost_node_become_unready_so_that_endpoints_drop_them(world: World) -> None:
    world.create("deployments.apps", deployment())
    world.run(2)
    lost(world)
    by_node = {p["spec"]["nodeName"]: is_ready(p) for p in world.pods()}
    assert by_node == {"node-1": False, "node-2": True, "node-3": True}


def test_a_node_that_returns_loses_its_taints(world: World) -> None:
    lost(world)
    world.silent.clear()
    world.report_node("node-1", "True")
    world.run(0)
    assert taints(world) == set()


def test_pods_leave_a_lost_node_after_their_toleration(world: World) -> None:
    world.create("deployments.apps", deployment())
    world.run(2)
    lost(world)
    world.run(299)
    assert len(world.pods()) == 3
    world.run(2)
    gone = [p for p in world.all("pods") if "deletionTimestamp" in p["metadata"]]
    assert [p["spec"]["nodeName"] for p in gone] == ["node-1"]
    found = condition(gone[0], "DisruptionTarget")
    assert found is not None
    assert found["reason"] == "DeletionByTaintManager"


def test_a_pod_of_a_node_that_returns_in_time_stays(world: World) -> None:
    world.create("deployments.apps", deployment())
    world.run(2)
    lost(world)
    world.run(100)
    world.silent.clear()
    world.report_node("node-1", "True")
    world.run(600)
    assert len(world.pods()) == 3
    assert world.events("TaintManagerEviction")[0].startswith("Cancelling deletion of Pod default/")


def test_an_untolerated_taint_evicts_at_once_whatever_a_budget_says(world: World) -> None:
    world.create("pods", pod("one", nodeName="node-1"))
    world.run(2)
    taint = {"key": "maintenance", "effect": "NoExecute"}
    world.patch("nodes", "node-1", {"spec": {"taints": [taint]}})
    world.run(0)
    assert "deletionTimestamp" in world.get("pods", "one")["metadata"]
    assert world.events("TaintManagerEviction", "one") == ["Marking for deletion Pod default/one"]


T = {"key": "k", "value": "v", "effect": "NoExecute"}


@pytest.mark.parametrize(
    ("taint_list", "tolerations", "delay"),
    [
        ([], [], None),
        ([{**T, "effect": "NoSchedule"}], [], None),
        ([T], [], 0.0),
        ([T], [{"key": "k", "operator": "Exists"}], None),
        ([T], [{"key": "k", "operator": "Exists", "tolerationSeconds": 3}], 3.0),
        ([T], [{"key": "k", "operator": "Exists", "tolerationSeconds": -1}], 0.0),
        ([T], [{"key": "k", "value": "other"}], 0.0),
        ([T, {**T, "key": "j"}], [{"key": "k", "operator": "Exists"}], 0.0),
        ([T, {**T, "key": "j"}],
         [{"key": "k", "operator": "Exists", "tolerationSeconds": 9},
          {"key": "j", "operator": "Exists", "tolerationSeconds": 5}], 5.0),
        ([T], [{"operator": "Exists"}], None),
    ],
)  # fmt: skip
def test_the_shortest_toleration_counts_and_every_taint_must_be_tolerated(
    taint_list: list[Obj], tolerations: list[Obj], delay: float | None
) -> None:
    assert eviction_delay(taint_list, tolerations) == delay


@pytest.mark.parametrize(
    ("bad", "total", "state"),
    [(0, 3, Zone.NORMAL), (1, 3, Zone.NORMAL), (2, 3, Zone.NORMAL), (3, 3, Zone.FULL),
     (1, 1, Zone.FULL), (3, 5, Zone.PARTIAL), (3, 6, Zone.NORMAL), (11, 20, Zone.PARTIAL)],
)  # fmt: skip
def test_the_state_of_a_zone(bad: int, total: int, state: Zone) -> None:
    assert zone_state([False] * bad + [True] * (total - bad)) is state


@pytest.mark.parametrize(
    ("states", "size", "period"),
    [({"a": Zone.NORMAL}, 5, 10.0), ({"a": Zone.PARTIAL, "b": Zone.NORMAL}, 5, None),
     ({"a": Zone.PARTIAL, "b": Zone.NORMAL}, 51, 100.0),
     ({"a": Zone.FULL, "b": Zone.NORMAL}, 5, 10.0), ({"a": Zone.FULL, "b": Zone.FULL}, 5, None)],
)  # fmt: skip
def test_how_fast_a_zone_is_tainted(
    states: dict[str, Zone], size: int, period: float | None
) -> None:
    assert eviction_period(states, {"a": size}, "a") == period


def test_nodes_of_one_zone_are_tainted_one_in_ten_seconds() -> None:
    world = World(nodes=6)
    for name in ("node-1", "node-2"):
        world.report_node(name, "False")
    world.run(1)
    tainted = [("not-ready", "NoExecute") in taints(world, f"node-{n}") for n in (1, 2)]
    assert tainted == [True, False]
    world.run(10)
    assert ("not-ready", "NoExecute") in taints(world, "node-2")


def test_nothing_is_evicted_while_every_node_is_lost(world: World) -> None:
    world.create("deployments.apps", deployment())
    world.run(2)
    world.silent.update({"node-1", "node-2", "node-3"})
    world.run(700)
    assert [ready(world, f"node-{n}") for n in (1, 2, 3)] == ["Unknown"] * 3
    assert len(world.pods()) == 3
    assert all(("unreachable", "NoExecute") not in taints(world, f"node-{n}") for n in (1, 2, 3))


def test_taints_of_lost_nodes_are_taken_back_when_the_last_node_is_lost(world: World) -> None:
    lost(world)
    assert ("unreachable", "NoExecute") in taints(world)
    world.silent.update({"node-2", "node-3"})
    world.run(80)
    assert ("unreachable", "NoExecute") not in taints(world)


# -- Pod garbage collection ----------------------------------------------------------------------


def test_pods_of_a_deleted_node_go_after_forty_seconds(world: World) -> None:
    world.create("pods", pod("one", nodeName="node-1"))
    world.run(2)
    world.silent.add("node-1")
    world.delete("nodes", "node-1")
    world.run(35)
    assert world.find("pods", "one") is not None
    world.run(40)
    assert world.find("pods", "one") is None


def test_a_terminating_pod_that_was_never_scheduled_is_removed(world: World) -> None:
    held: dict[str, Any] = pod("one", nodeSelector={"no": "where"})
    held["metadata"]["finalizers"] = ["example.com/hold"]
    world.create("pods", held)
    world.run(1)
    world.delete("pods", "one")
    world.patch("pods", "one", {"metadata": {"finalizers": None}})
    world.run(25)
    assert world.find("pods", "one") is None


def test_a_terminating_pod_on_a_lost_node_stays_until_out_of_service(world: World) -> None:
    world.create("pods", pod("one", nodeName="node-1"))
    world.run(2)
    lost(world)
    world.delete("pods", "one")
    world.run(100)
    assert world.find("pods", "one") is not None
    out = {"key": "node.kubernetes.io/out-of-service", "effect": "NoExecute"}
    existing = world.get("nodes", "node-1")["spec"]["taints"]
    world.patch("nodes", "node-1", {"spec": {"taints": [*existing, out]}})
    world.run(25)
    assert world.find("pods", "one") is None


def test_a_node_that_comes_is_told_in_an_event(world: World) -> None:
    assert world.events("RegisteredNode", "node-1") == [
        "Node node-1 event: Registered Node node-1 in Controller"
    ]


def test_disruption_is_marked_before_a_pod_is_collected(world: World) -> None:
    world.create("pods", pod("one", nodeName="node-1"))
    world.run(2)
    held = {"metadata": {"finalizers": ["example.com/hold"]}}
    world.patch("pods", "one", held)
    world.silent.add("node-1")
    world.delete("nodes", "node-1")
    world.run(90)
    found = world.get("pods", "one")
    assert found["status"]["phase"] == "Failed"
    assert is_true(found, "DisruptionTarget")
