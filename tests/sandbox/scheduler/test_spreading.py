"""Pods over nodes and zones: spread constraints and the even default (rules 3.13)."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from resilience.sandbox.kube.api import Obj
from tests.sandbox.controllers.world import World, replicaset
from tests.sandbox.scheduler.placing import asking, node_of, place, why


def spread(skew: int = 1, when: str = "DoNotSchedule", key: str = "zone", **more: Any) -> list[Obj]:
    selector = {"matchLabels": {"app": "web"}}
    return [
        {"maxSkew": skew, "topologyKey": key, "whenUnsatisfiable": when, "labelSelector": selector,
         **more}
    ]  # fmt: skip


@pytest.fixture
def zones() -> World:
    """Two nodes in zone a, one in zone b, one without zone."""
    world = World(nodes=0)
    for name, zone in (("a1", "a"), ("a2", "a"), ("b1", "b")):
        world.add_node(name, zone=zone)
    world.add_node("none")
    world.run(0)
    return world


def zone_of(world: World, name: str) -> str | None:
    node = node_of(world, name)
    labels: dict[str, str] = world.get("nodes", node or "")["metadata"]["labels"]
    return labels.get("zone")


def test_hard_spread_keeps_zones_within_the_skew(zones: World) -> None:
    for name in "abcdef":
        assert place(zones, name, topologySpreadConstraints=spread()) is not None
    assert Counter(zone_of(zones, n) for n in "abcdef") == {"a": 3, "b": 3}


def test_hard_spread_refuses_what_would_exceed_the_skew(zones: World) -> None:
    zones.patch("nodes", "b1", {"spec": {"unschedulable": True}})
    zones.run(0)
    place(zones, "one", topologySpreadConstraints=spread())
    place(zones, "two", topologySpreadConstraints=spread())
    text = why(zones, "two")
    assert "2 node(s) didn't match pod topology spread constraints. " in text
    assert "1 node(s) didn't match pod topology spread constraints (missing required label)" in text
    assert "1 node(s) were unschedulable" in text


def test_min_domains_counts_missing_domains_as_empty(zones: World) -> None:
    constraint = spread(minDomains=3)
    for name in "ab":
        assert place(zones, name, topologySpreadConstraints=constraint) is not None
    assert place(zones, "c", topologySpreadConstraints=constraint) is None


def test_terminating_pods_do_not_count_for_spread() -> None:
    world = World(nodes=0, stop=1000)
    for zone in "ab":
        world.add_node(f"{zone}1", zone=zone)
    world.run(0)
    place(world, "one", topologySpreadConstraints=spread())
    world.run(1)
    first = zone_of(world, "one")
    world.delete("pods", "one")
    world.patch("nodes", "b1" if first == "a" else "a1", {"spec": {"unschedulable": True}})
    world.run(0)
    place(world, "two", topologySpreadConstraints=spread())
    assert zone_of(world, "two") == first


def test_soft_spread_prefers_the_emptier_zone_but_never_refuses(zones: World) -> None:
    soft = spread(when="ScheduleAnyway")
    for name in "abcd":
        place(zones, name, topologySpreadConstraints=soft)
    assert Counter(zone_of(zones, n) for n in "abcd") == {"a": 2, "b": 2}
    zones.patch("nodes", "b1", {"spec": {"unschedulable": True}})
    zones.run(0)
    assert place(zones, "e", topologySpreadConstraints=soft) is not None


def test_replicas_spread_even_where_one_node_is_much_fuller() -> None:
    world = World(nodes=2)
    place(world, "load", app="other", nodeName="node-1", containers=asking("6", "12Gi"))
    world.create("replicasets.apps", replicaset("web", 2))
    world.run(0)
    found = {p["spec"]["nodeName"] for p in world.pods(app="web")}
    assert found == {"node-1", "node-2"}


def test_a_terminating_replica_does_not_repel_its_replacement() -> None:
    world = World(nodes=2, stop=1000)
    world.create("replicasets.apps", replicaset("web", 2))
    world.run(1)
    victim = next(p for p in world.pods() if p["spec"]["nodeName"] == "node-2")
    world.delete("pods", victim["metadata"]["name"])
    world.run(0)
    assert sorted(p["spec"]["nodeName"] for p in world.pods()) == ["node-1", "node-2"]
