"""The scheduler at work (semantics 3.13)."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from resilience.sandbox.api import Obj
from resilience.sandbox.controllers.objects import condition
from tests.sandbox.controllers.world import World, deployment, pod, replicaset

PREEMPTION = "no new claims to deallocate, preemption: 0/{n} nodes are available: {text}."


def node_of(world: World, name: str) -> str | None:
    found: str | None = world.get("pods", name)["spec"].get("nodeName")
    return found


def why(world: World, name: str) -> str:
    found = condition(world.get("pods", name), "PodScheduled")
    assert found is not None
    assert (found["status"], found["reason"]) == ("False", "Unschedulable")
    assert world.events("FailedScheduling", name)[-1] == found["message"]
    return str(found["message"])


def asking(cpu: str = "0", memory: str = "0", **more: str) -> list[Obj]:
    requests = {"cpu": cpu, "memory": memory, **more}
    image = "registry.k8s.io/pause:3.10"
    return [{"name": "app", "image": image, "resources": {"requests": requests}}]


def require(key: str, operator: str, *values: str) -> Obj:
    expression = {"key": key, "operator": operator, "values": list(values)}
    terms = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}


def place(world: World, name: str, app: str = "web", **spec: Any) -> str | None:
    world.create("pods", pod(name, app, **spec))
    world.run(0)
    return node_of(world, name)


def test_three_replicas_land_on_three_nodes(world: World) -> None:
    world.create("deployments.apps", deployment())
    world.run(0)
    assert len({p["spec"]["nodeName"] for p in world.pods()}) == 3


def test_replicas_stay_even_as_they_grow(world: World) -> None:
    world.create("replicasets.apps", replicaset("web", 30))
    world.run(0)
    assert set(Counter(p["spec"]["nodeName"] for p in world.pods()).values()) == {10}


def test_a_placed_pod_says_where_in_an_event(world: World) -> None:
    node = place(world, "one")
    assert world.events("Scheduled", "one") == [f"Successfully assigned default/one to {node}"]
    found = condition(world.get("pods", "one"), "PodScheduled")
    assert found is not None
    assert found["status"] == "True"


def test_requests_decide_not_usage(world: World) -> None:
    for name in "abc":
        place(world, name, containers=asking("5"))
    assert place(world, "big", containers=asking("4")) is None
    text = PREEMPTION.format(n=3, text="3 No preemption victims found for incoming pod")
    assert why(world, "big") == f"0/3 nodes are available: 3 Insufficient cpu. {text}"


def test_more_than_any_node_has_is_hopeless(world: World) -> None:
    place(world, "huge", containers=asking("9", "20Gi"))
    text = PREEMPTION.format(n=3, text="3 Preemption is not helpful for scheduling")
    assert why(world, "huge") == (
        f"0/3 nodes are available: 3 Insufficient cpu, 3 Insufficient memory. {text}"
    )


def test_room_that_comes_free_is_used(world: World) -> None:
    for name in "abc":
        place(world, name, containers=asking("5"))
    place(world, "big", containers=asking("4"))
    freed = node_of(world, "b")
    world.delete("pods", "b")
    world.run(3)
    assert node_of(world, "big") == freed


def test_a_terminating_pod_still_holds_its_room(world: World) -> None:
    world = World(nodes=1, stop=20)
    place(world, "a", containers=asking("5"))
    world.run(1)
    world.delete("pods", "a")
    place(world, "b", containers=asking("5"))
    world.run(15)
    assert node_of(world, "b") is None
    world.run(20)
    assert node_of(world, "b") == "node-1"


def test_an_ended_pod_holds_no_room() -> None:
    world = World(nodes=1)
    place(world, "a", containers=asking("5"))
    world.run(1)
    world.report("a", phase="Succeeded", ready=False)
    assert place(world, "b", containers=asking("5")) == "node-1"


def test_a_node_takes_only_as_many_pods_as_it_says() -> None:
    world = World(nodes=0)
    world.add_node("small", pods=2)
    world.run(0)
    for name in "abc":
        place(world, name)
    assert "1 Too many pods" in why(world, "c")


def test_init_containers_count_by_their_largest(world: World) -> None:
    world = World(nodes=1)
    init = [{"name": n, "image": "x", "resources": {"requests": {"cpu": "6"}}} for n in "ab"]
    assert place(world, "one", initContainers=init, containers=asking("5")) == "node-1"
    assert place(world, "two", containers=asking("3")) is None
    assert place(world, "three", containers=asking("2")) == "node-1"


def test_sidecars_count_on_top(world: World) -> None:
    world = World(nodes=1)
    side = {"name": "s", "image": "x", "restartPolicy": "Always",
            "resources": {"requests": {"cpu": "3"}}}  # fmt: skip
    assert place(world, "one", initContainers=[side], containers=asking("5")) == "node-1"
    assert place(world, "two", containers=asking("1")) is None


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
def test_negative_node_affinity_avoids(world: World, operator: str, values: list[str]) -> None:
    world.add_node("fast", disk="ssd")
    world.run(0)
    found = {place(world, n, affinity=require("disk", operator, *values)) for n in "abcdefgh"}
    assert "fast" not in found


def test_preferred_node_affinity_attracts(world: World) -> None:
    world.add_node("fast", disk="ssd")
    world.run(0)
    preference = {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}
    wishes = [{"weight": 10, "preference": preference}]
    affinity = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": wishes}}
    assert {place(world, name, affinity=affinity) for name in "abcd"} == {"fast"}


def test_a_host_port_is_free_once_per_node(world: World) -> None:
    ports = [{"containerPort": 80, "hostPort": 8080}]
    containers = [{"name": "app", "image": "x", "ports": ports}]
    found = {place(world, name, containers=containers) for name in "abc"}
    assert len(found) == 3
    place(world, "d", containers=containers)
    assert "3 node(s) didn't have free ports for the requested pod ports" in why(world, "d")


def test_reasons_are_sorted_as_text_and_counted_by_node(world: World) -> None:
    world.patch("nodes", "node-1", {"spec": {"unschedulable": True}})
    world.run(0)
    place(world, "one", containers=asking("9"))
    text = PREEMPTION.format(n=3, text="3 Preemption is not helpful for scheduling")
    assert why(world, "one") == (
        f"0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu. {text}"
    )


def test_a_refused_pod_backs_off_from_one_to_ten_seconds(world: World) -> None:
    attempts: list[float] = []
    place(world, "big", containers=asking("99"))
    seen = len(world.events("FailedScheduling", "big"))
    for step in range(400):
        world.patch("nodes", "node-1", {"metadata": {"labels": {"step": str(step)}}})
        world.run(0.1)
        counts = [
            event["count"]
            for event in world.api.list(world.kind("events"))
            if event["reason"] == "FailedScheduling"
        ]
        if sum(counts) > seen:
            seen = sum(counts)
            attempts.append(world.clock.monotonic())
    gaps = [round(b - a) for a, b in pairwise(attempts)]
    assert gaps[:4] == [2, 4, 8, 10]


def test_a_gated_pod_waits_until_its_gates_are_gone(world: World) -> None:
    place(world, "one", schedulingGates=[{"name": "example.com/wait"}])
    found = condition(world.get("pods", "one"), "PodScheduled")
    assert found is not None
    assert found["reason"] == "SchedulingGated"
    world.patch("pods", "one", {"spec": {"schedulingGates": None}})
    world.run(0)
    assert node_of(world, "one") is not None


def test_a_pod_of_another_scheduler_is_left_alone(world: World) -> None:
    assert place(world, "one", schedulerName="mine") is None
    assert world.events("FailedScheduling") == []


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


def term(app: str, key: str = "kubernetes.io/hostname", **more: Any) -> Obj:
    return {"labelSelector": {"matchLabels": {"app": app}}, "topologyKey": key, **more}


def rule(kind: str, *terms: Obj) -> Obj:
    return {kind: {"requiredDuringSchedulingIgnoredDuringExecution": list(terms)}}


def test_anti_affinity_allows_one_per_node(world: World) -> None:
    apart = rule("podAntiAffinity", term("web"))
    assert len({place(world, n, affinity=apart) for n in "abc"}) == 3
    place(world, "d", affinity=apart)
    assert "3 node(s) didn't match pod anti-affinity rules" in why(world, "d")


def test_anti_affinity_of_placed_pods_holds_for_newcomers(world: World) -> None:
    for name in "abc":
        place(world, name, app="loner", affinity=rule("podAntiAffinity", term("web")))
    spots = {node_of(world, n) for n in "abc"}
    if len(spots) == 3:
        place(world, "late")
        assert "3 node(s) didn't satisfy existing pods anti-affinity rules" in why(world, "late")
    else:
        assert place(world, "late") not in spots


def test_affinity_follows_the_other_pod(world: World) -> None:
    home = place(world, "db", app="db")
    near = rule("podAffinity", term("db"))
    assert {place(world, n, affinity=near) for n in "abcd"} == {home}


def test_affinity_to_nobody_is_refused(world: World) -> None:
    place(world, "one", affinity=rule("podAffinity", term("db")))
    assert "3 node(s) didn't match pod affinity rules" in why(world, "one")


def test_the_first_of_a_group_that_wants_to_be_together_is_let_in(world: World) -> None:
    together = rule("podAffinity", term("web"))
    found = {place(world, n, affinity=together) for n in "abc"}
    assert len(found) == 1
    assert None not in found


def test_a_waiting_pod_follows_when_its_companion_comes(world: World) -> None:
    place(world, "one", affinity=rule("podAffinity", term("db")))
    home = place(world, "db", app="db")
    world.run(2)
    assert node_of(world, "one") == home


def test_affinity_looks_into_its_own_namespace_unless_told(world: World) -> None:
    world.create("namespaces", {"metadata": {"name": "other", "labels": {"team": "x"}}})
    world.run(0)
    world.create("pods", pod("db", "db"), namespace="other")
    world.run(0)
    place(world, "own", affinity=rule("podAffinity", term("db")))
    assert node_of(world, "own") is None
    assert place(world, "named", affinity=rule("podAffinity", term("db", namespaces=["other"])))
    chosen = term("db", namespaceSelector={"matchLabels": {"team": "x"}})
    assert place(world, "chosen", affinity=rule("podAffinity", chosen))


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


def test_higher_priority_goes_first(world: World) -> None:
    world.create("priorityclasses.scheduling.k8s.io", {"metadata": {"name": "high"}, "value": 1000})
    for node in ("node-2", "node-3"):
        world.delete("nodes", node)
    world.create("pods", pod("low", containers=asking("5")))
    world.create("pods", pod("high", containers=asking("5"), priorityClassName="high"))
    world.run(0)
    assert (node_of(world, "high"), node_of(world, "low")) == ("node-1", None)


def test_a_missing_claim_refuses_before_any_node_is_looked_at(world: World) -> None:
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    place(world, "one", volumes=volumes)
    assert why(world, "one").startswith(
        '0/3 nodes are available: persistentvolumeclaim "data" not found. '
    )


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


def test_a_namespace_that_gets_the_label_is_seen_by_the_selector(world: World) -> None:
    world.create("namespaces", {"metadata": {"name": "other"}})
    world.run(0)
    world.create("pods", pod("db", "db"), namespace="other")
    world.run(0)
    chosen = term("db", namespaceSelector={"matchLabels": {"team": "x"}})
    assert place(world, "one", affinity=rule("podAffinity", chosen)) is None
    world.patch("namespaces", "other", {"metadata": {"labels": {"team": "x"}}})
    world.patch("nodes", "node-1", {"metadata": {"labels": {"anything": "new"}}})
    world.run(2)
    assert node_of(world, "one") is not None
