"""Which node may be taken: cordons, taints, selectors, affinity (rules 3.13)."""

from __future__ import annotations

import pytest

from tests.sandbox.controllers.world import World
from tests.sandbox.scheduler.placing import PREEMPTION, asking, node_of, place, require, why


def test_a_cordoned_node_takes_nothing_new(world: World) -> None:
    for name in ("node-1", "node-2"):
        world.patch("nodes", name, {"spec": {"unschedulable": True}})
    world.run(0)
    assert {place(world, name) for name in "abcd"} == {"node-3"}


def test_all_nodes_cordoned_is_told_as_kubectl_prints_it(world: World) -> None:
    for name in ("node-1", "node-2", "node-3"):
        world.patch("nodes", name, {"spec": {"unschedulable": True}})
    world.run(0)
    place(world, "one")
    text = PREEMPTION.format(n=3, text="3 Preemption is not helpful for scheduling")
    assert why(world, "one") == f"0/3 nodes are available: 3 node(s) were unschedulable. {text}"


def test_uncordoning_lets_a_waiting_pod_in(world: World) -> None:
    for name in ("node-1", "node-2", "node-3"):
        world.patch("nodes", name, {"spec": {"unschedulable": True}})
    world.run(0)
    place(world, "one")
    world.patch("nodes", "node-2", {"spec": {"unschedulable": None}})
    world.run(1.1)
    assert node_of(world, "one") == "node-2"


def test_without_nodes_the_text_is_its_own() -> None:
    world = World(nodes=0)
    place(world, "one")
    assert why(world, "one") == "no nodes available to schedule pods"


@pytest.mark.parametrize("effect", ["NoSchedule", "NoExecute"])
def test_an_untolerated_taint_keeps_pods_away(world: World, effect: str) -> None:
    taint = {"key": "dedicated", "value": "db", "effect": effect}
    for name in ("node-1", "node-2", "node-3"):
        world.patch("nodes", name, {"spec": {"taints": [taint]}})
    world.run(0)
    place(world, "plain")
    assert "3 node(s) had untolerated taint(s)" in why(world, "plain")
    tolerations = [{"key": "dedicated", "operator": "Equal", "value": "db", "effect": effect}]
    assert place(world, "db", tolerations=tolerations) is not None


def test_prefer_no_schedule_is_avoided_but_allowed(world: World) -> None:
    for name in ("node-1", "node-2"):
        taints = [{"key": "slow", "effect": "PreferNoSchedule"}]
        world.patch("nodes", name, {"spec": {"taints": taints}})
    world.run(0)
    assert {place(world, name) for name in "abcdef"} == {"node-3"}
    world.patch("nodes", "node-3", {"spec": {"unschedulable": True}})
    world.run(0)
    assert place(world, "last") in ("node-1", "node-2")


def test_a_node_selector_must_match(world: World) -> None:
    world.add_node("fast", disk="ssd")
    world.run(0)
    assert place(world, "one", nodeSelector={"disk": "ssd"}) == "fast"
    place(world, "two", nodeSelector={"disk": "tape"})
    assert "4 node(s) didn't match Pod's node affinity/selector" in why(world, "two")


@pytest.mark.parametrize(
    ("operator", "values", "node"),
    [("In", ["ssd", "nvme"], "fast"), ("Exists", [], "fast"), ("Gt", ["3"], "fast")],
)
def test_required_node_affinity_must_match(
    world: World, operator: str, values: list[str], node: str
) -> None:
    world.add_node("fast", disk="ssd", size="4")
    world.run(0)
    key = "size" if operator == "Gt" else "disk"
    assert place(world, "one", affinity=require(key, operator, *values)) == node


@pytest.mark.parametrize(("operator", "values"), [("NotIn", ["ssd"]), ("DoesNotExist", [])])
def test_a_negative_node_affinity_avoids_the_node(
    world: World, operator: str, values: list[str]
) -> None:
    world.add_node("fast", disk="ssd")
    world.run(0)
    found = {place(world, n, affinity=require("disk", operator, *values)) for n in "abcdefgh"}
    assert "fast" not in found


def test_a_preferred_node_affinity_attracts_pods(world: World) -> None:
    world.add_node("fast", disk="ssd")
    world.run(0)
    preference = {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}
    wishes = [{"weight": 10, "preference": preference}]
    affinity = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": wishes}}
    assert {place(world, name, affinity=affinity) for name in "abcd"} == {"fast"}


def test_reasons_are_sorted_as_text_and_counted_by_node(world: World) -> None:
    world.patch("nodes", "node-1", {"spec": {"unschedulable": True}})
    world.run(0)
    place(world, "one", containers=asking("9"))
    text = PREEMPTION.format(n=3, text="3 Preemption is not helpful for scheduling")
    assert why(world, "one") == (
        f"0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu. {text}"
    )


def test_a_pod_pinned_by_name_goes_there_or_nowhere(world: World) -> None:
    field = {"key": "metadata.name", "operator": "In", "values": ["node-2"]}
    terms = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    pinned = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
    assert place(world, "one", affinity=pinned) == "node-2"
    world.patch("nodes", "node-2", {"spec": {"unschedulable": True}})
    world.run(0)
    place(world, "two", affinity=pinned)
    assert why(world, "two").startswith(
        "0/3 nodes are available: 1 node(s) were unschedulable,"
        " 2 node(s) didn't satisfy plugin(s) [NodeAffinity]. "
    )
