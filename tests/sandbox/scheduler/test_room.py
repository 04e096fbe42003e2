"""Which node has room: requests, what ended, ports (rules 3.13)."""

from __future__ import annotations

from collections import Counter

from resilience.sandbox.kube.object_edits import condition
from tests.sandbox.controllers.world import World, deployment, replicaset
from tests.sandbox.scheduler.placing import PREEMPTION, asking, node_of, place, why


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


def test_requests_decide_whether_a_pod_fits_and_usage_does_not(world: World) -> None:
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


def test_the_requests_of_sidecars_are_added_to_those_of_containers(world: World) -> None:
    world = World(nodes=1)
    side = {"name": "s", "image": "x", "restartPolicy": "Always",
            "resources": {"requests": {"cpu": "3"}}}  # fmt: skip
    assert place(world, "one", initContainers=[side], containers=asking("5")) == "node-1"
    assert place(world, "two", containers=asking("1")) is None


def test_a_host_port_is_free_once_per_node(world: World) -> None:
    ports = [{"containerPort": 80, "hostPort": 8080}]
    containers = [{"name": "app", "image": "x", "ports": ports}]
    found = {place(world, name, containers=containers) for name in "abc"}
    assert len(found) == 3
    place(world, "d", containers=containers)
    assert "3 node(s) didn't have free ports for the requested pod ports" in why(world, "d")
