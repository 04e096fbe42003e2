"""A Pod of higher priority gets its room from Pods of lower priority (rules 3.13)."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.kube.object_edits import condition
from tests.sandbox.controllers.world import World, pod, replicaset
from tests.sandbox.scheduler.placing import asking, node_of, place


@pytest.fixture
def ranked() -> World:
    """Three nodes of 8 cpu, and three priorities."""
    world = World(stop=5)
    for name, value in (("low", 1), ("middle", 100), ("high", 1000)):
        world.create(
            "priorityclasses.scheduling.k8s.io", {"metadata": {"name": name}, "value": value}
        )
    return world


def fill(world: World, priority: str = "middle", **named: str) -> dict[str, str]:
    """A Pod of 5 cpu on each node; `named` has other priorities. Name to node."""
    for name in "abc":
        place(world, name, containers=asking("5"), priorityClassName=named.get(name, priority))
    world.run(1)
    return {name: str(node_of(world, name)) for name in "abc"}


def ending(world: World) -> set[str]:
    return {
        p["metadata"]["name"] for p in world.all("pods") if "deletionTimestamp" in p["metadata"]
    }


def test_the_lowest_priority_goes_and_its_room_is_taken(ranked: World) -> None:
    nodes = fill(ranked, b="low")
    assert place(ranked, "urgent", containers=asking("5"), priorityClassName="high") is None
    assert ending(ranked) == {"b"}
    assert ranked.get("pods", "urgent")["status"]["nominatedNodeName"] == nodes["b"]
    ranked.run(8)
    assert node_of(ranked, "urgent") == nodes["b"]
    assert "nominatedNodeName" not in ranked.get("pods", "urgent")["status"]


def test_the_victim_says_who_displaced_it(ranked: World) -> None:
    nodes = fill(ranked, b="low")
    place(ranked, "urgent", containers=asking("5"), priorityClassName="high")
    found = condition(ranked.get("pods", "b"), "DisruptionTarget")
    assert found is not None
    assert (found["status"], found["reason"]) == ("True", "PreemptionByScheduler")
    uid = ranked.get("pods", "urgent")["metadata"]["uid"]
    assert ranked.events("Preempted", "b") == [f"Preempted by pod {uid} on node {nodes['b']}"]
    refused = condition(ranked.get("pods", "urgent"), "PodScheduled")
    assert refused is not None
    assert refused["message"] == "0/3 nodes are available: 3 Insufficient cpu."


def test_a_pod_does_not_preempt_pods_of_its_own_priority(ranked: World) -> None:
    fill(ranked)
    place(ranked, "other", containers=asking("5"), priorityClassName="middle")
    ranked.run(30)
    assert not ending(ranked)
    assert node_of(ranked, "other") is None


def test_who_may_not_preempt_waits(ranked: World) -> None:
    fill(ranked)
    place(ranked, "patient", containers=asking("5"), priorityClassName="high",
          preemptionPolicy="Never")  # fmt: skip
    assert not ending(ranked)


def test_a_node_where_it_would_not_help_is_left_alone(ranked: World) -> None:
    fill(ranked)
    place(ranked, "huge", containers=asking("9"), priorityClassName="high")
    assert not ending(ranked)


def test_only_as_many_go_as_must() -> None:
    world = World(nodes=1, stop=5)
    for name, value in (("low", 1), ("high", 1000)):
        world.create(
            "priorityclasses.scheduling.k8s.io", {"metadata": {"name": name}, "value": value}
        )
    for name in "abcd":
        place(world, name, containers=asking("2"), priorityClassName="low")
        world.run(2)
    place(world, "urgent", containers=asking("3"), priorityClassName="high")
    assert ending(world) == {"c", "d"}  # the latest ones: who runs longer is more important


def test_budgets_are_kept_where_others_can_go(ranked: World) -> None:
    for name in "abc":
        place(ranked, name, app=name, containers=asking("5"), priorityClassName="low")
    ranked.run(1)
    for name in "ab":
        ranked.create("poddisruptionbudgets.policy", budget(name))
    ranked.run(1)
    place(ranked, "urgent", containers=asking("5"), priorityClassName="high")
    assert ending(ranked) == {"c"}


def budget(app: str) -> dict[str, Any]:
    selector = {"matchLabels": {"app": app}}
    return {"metadata": {"name": app}, "spec": {"minAvailable": 1, "selector": selector}}


def test_freed_room_is_kept_for_whom_it_was_freed() -> None:
    """The Pod is still backing off when its victim is gone: no newcomer may be faster."""
    world = World(stop=0.2)
    for name, value in (("low", 1), ("high", 1000)):
        world.create(
            "priorityclasses.scheduling.k8s.io", {"metadata": {"name": name}, "value": value}
        )
    fill(world, "low")
    place(world, "urgent", containers=asking("5"), priorityClassName="high")
    world.run(0.3)
    assert not ending(world)
    assert node_of(world, "urgent") is None
    assert place(world, "newcomer", containers=asking("5"), priorityClassName="low") is None
    assert place(world, "small", containers=asking("3"), priorityClassName="low") is not None
    world.run(5)
    assert node_of(world, "urgent") is not None


def test_a_replica_set_gets_its_room_back_last(ranked: World) -> None:
    template = pod("x", "batch", containers=asking("5"), priorityClassName="low")
    body = replicaset("batch", 3)
    body["spec"]["template"]["spec"] = template["spec"]
    ranked.create("replicasets.apps", body)
    ranked.run(2)
    place(ranked, "urgent", containers=asking("5"), priorityClassName="high")
    ranked.run(20)
    assert node_of(ranked, "urgent") is not None
    waiting = [p for p in ranked.pods() if not p["spec"].get("nodeName")]
    assert len(waiting) == 1
    assert waiting[0]["metadata"]["name"].startswith("batch-")


def test_nobody_is_displaced_twice_for_one_pod(ranked: World) -> None:
    fill(ranked, "low")
    place(ranked, "urgent", containers=asking("5"), priorityClassName="high")
    ranked.patch("pods", "urgent", {"metadata": {"labels": {"again": "1"}}})
    ranked.run(3)  # back-off is over, the victim is still ending
    ranked.create("configmaps", {"metadata": {"name": "wake"}})
    assert len(ending(ranked)) == 1


def test_those_that_keep_apart_from_the_pod_go(ranked: World) -> None:
    """Anti-affinity is no lack of room, and is cured by going all the same."""
    term = {
        "labelSelector": {"matchLabels": {"app": "web"}},
        "topologyKey": "kubernetes.io/hostname",
    }
    apart = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    for name in "abc":
        place(ranked, name, affinity=apart, priorityClassName="low")
    ranked.run(1)
    place(ranked, "urgent", affinity=apart, priorityClassName="high")
    assert len(ending(ranked)) == 1
    ranked.run(8)
    assert node_of(ranked, "urgent") is not None
