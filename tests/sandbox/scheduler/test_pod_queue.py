"""Which Pod is looked at, and when again (rules 3.13)."""

from __future__ import annotations

from itertools import pairwise

from resilience.sandbox.kube.object_edits import condition
from tests.sandbox.controllers.world import World, pod
from tests.sandbox.scheduler.placing import asking, node_of, place, why


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


def test_the_pod_of_higher_priority_is_placed_first(world: World) -> None:
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
