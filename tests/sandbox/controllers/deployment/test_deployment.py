"""The Deployment controller at work (rules 3.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from resilience.sandbox.kube.api import Change, Obj
from resilience.sandbox.kube.object_edits import condition
from tests.sandbox.controllers.world import World, deployment

KIND, SETS = "deployments.apps", "replicasets.apps"


def rolled_out(world: World, replicas: int = 3, **spec: Any) -> Obj:
    world.create(KIND, deployment("web", replicas, **spec))
    world.run(5)
    return world.get(KIND, "web")


def new_template(world: World, image: str = "registry.k8s.io/pause:3.9", **more: Any) -> None:
    container = {"name": "app", "image": image}
    spec = {"template": {"spec": {"containers": [container]}}, **more}
    world.patch(KIND, "web", {"spec": spec})


def sets(world: World) -> dict[str, int]:
    found = world.all(SETS)
    return {
        rs["metadata"]["annotations"]["deployment.kubernetes.io/revision"]: rs["spec"]["replicas"]
        for rs in found
    }


def progressing(world: World) -> tuple[str, str]:
    found = condition(world.get(KIND, "web"), "Progressing")
    assert found is not None
    return found["status"], found["reason"]


def extremes(world: World, measure: Callable[[], tuple[int, int]], seconds: float) -> list[int]:
    """Highest of the first and lowest of the second figure over a time."""
    highest, lowest = measure()
    for _ in range(int(seconds * 20)):
        world.run(0.05)
        one, other = measure()
        highest, lowest = max(highest, one), min(lowest, other)
    return [highest, lowest]


def test_the_status_of_a_finished_rollout(world: World) -> None:
    status = rolled_out(world)["status"]
    numbers = {k: v for k, v in status.items() if k != "conditions"}
    assert numbers == {
        "observedGeneration": 1, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3,
        "availableReplicas": 3, "terminatingReplicas": 0,
    }  # fmt: skip
    assert progressing(world) == ("True", "NewReplicaSetAvailable")


def test_pods_and_set_carry_the_template_hash(world: World) -> None:
    rolled_out(world)
    found = world.all(SETS)[0]
    label = found["metadata"]["labels"]["pod-template-hash"]
    assert found["metadata"]["name"] == f"web-{label}"
    assert found["spec"]["selector"]["matchLabels"] == {"app": "web", "pod-template-hash": label}
    assert all(p["metadata"]["labels"]["pod-template-hash"] == label for p in world.pods())


@pytest.mark.parametrize(("replicas", "most", "least"), [(3, 4, 3), (10, 13, 8)])
def test_a_rollout_stays_between_surge_and_unavailability(
    world: World, replicas: int, most: int, least: int
) -> None:
    rolled_out(world, replicas)
    new_template(world)

    def measure() -> tuple[int, int]:
        status = world.get(KIND, "web")["status"]
        return len(world.pods()), status.get("availableReplicas", 0)

    assert extremes(world, measure, 20) == [most, least]
    assert sets(world) == {"1": 0, "2": replicas}


def test_terminating_pods_do_not_hold_a_rollout_back() -> None:
    world = World(stop=1000)
    rolled_out(world)
    new_template(world)
    world.run(10)
    assert progressing(world) == ("True", "NewReplicaSetAvailable")
    assert len(world.all("pods")) == 6


def test_recreate_waits_until_no_old_pod_is_left() -> None:
    world = World(stop=4)
    rolled_out(world, strategy={"type": "Recreate"})
    old = {p["metadata"]["uid"] for p in world.pods()}
    new_template(world)
    world.run(3.5)
    assert {p["metadata"]["uid"] for p in world.all("pods")} == old
    world.run(2)
    assert len(world.pods()) == 3
    assert not old & {p["metadata"]["uid"] for p in world.pods()}


def test_going_back_reuses_the_old_set_under_a_new_revision(world: World) -> None:
    rolled_out(world)
    new_template(world)
    world.run(10)
    new_template(world, "registry.k8s.io/pause:3.10")
    world.run(10)
    assert sets(world) == {"2": 0, "3": 3}
    annotations = world.get(KIND, "web")["metadata"]["annotations"]
    assert annotations["deployment.kubernetes.io/revision"] == "3"


def test_history_is_kept_to_its_limit(world: World) -> None:
    rolled_out(world, revisionHistoryLimit=2)
    for number in range(5):
        new_template(world, f"registry.k8s.io/pause:4.{number}")
        world.run(10)
    assert sets(world) == {"4": 0, "5": 0, "6": 3}


def test_a_paused_deployment_does_not_roll_but_scales(world: World) -> None:
    rolled_out(world)
    world.patch(KIND, "web", {"spec": {"paused": True}})
    new_template(world, replicas=5)
    world.run(10)
    assert sets(world) == {"1": 5}
    assert progressing(world) == ("Unknown", "DeploymentPaused")


def test_a_resumed_deployment_rolls(world: World) -> None:
    rolled_out(world, paused=True)
    assert world.all(SETS) == []
    world.patch(KIND, "web", {"spec": {"paused": False}})
    world.run(5)
    assert sets(world) == {"1": 3}


def test_missing_the_progress_deadline_is_reported_and_nothing_rolled_back(world: World) -> None:
    rolled_out(world, progressDeadlineSeconds=30)
    world.unready.add("web")
    new_template(world)
    world.run(29)
    assert progressing(world) == ("True", "ReplicaSetUpdated")
    world.run(6)
    assert progressing(world) == ("False", "ProgressDeadlineExceeded")
    assert sets(world) == {"1": 3, "2": 1}
    name = next(rs["metadata"]["name"] for rs in world.all(SETS) if rs["spec"]["replicas"] == 1)
    found = condition(world.get(KIND, "web"), "Progressing")
    assert found is not None
    assert found["message"] == f'ReplicaSet "{name}" has timed out progressing.'


def test_the_deadline_does_not_run_after_a_finished_rollout(world: World) -> None:
    rolled_out(world, progressDeadlineSeconds=30)
    world.report(world.pods()[0]["metadata"]["name"], ready=False)
    world.run(120)
    assert progressing(world) == ("True", "NewReplicaSetAvailable")


def test_going_back_long_after_a_rollout_never_misses_the_deadline(world: World) -> None:
    rolled_out(world, progressDeadlineSeconds=30)
    new_template(world)
    world.run(100)
    seen: set[str] = set()

    def note(change: Change) -> None:
        seen.add((condition(change.obj, "Progressing") or {}).get("reason", ""))

    world.api.subscribe(world.kind(KIND), note)
    new_template(world, "registry.k8s.io/pause:3.10")
    world.run(10)
    assert seen == {"NewReplicaSetAvailable", "ReplicaSetUpdated"}


def test_available_falls_when_too_few_are(world: World) -> None:
    rolled_out(world)
    world.report(world.pods()[0]["metadata"]["name"], ready=False)
    world.run(0.1)
    found = condition(world.get(KIND, "web"), "Available")
    assert found is not None
    assert (found["status"], found["reason"]) == ("False", "MinimumReplicasUnavailable")


def test_scaling_is_told_in_events_with_both_numbers(world: World) -> None:
    rolled_out(world)
    name = world.all(SETS)[0]["metadata"]["name"]
    world.patch(KIND, "web", {"spec": {"replicas": 5}})
    world.run(1)
    world.patch(KIND, "web", {"spec": {"replicas": 1}})
    world.run(1)
    assert world.events("ScalingReplicaSet") == [
        f"Scaled up replica set {name} from 0 to 3",
        f"Scaled up replica set {name} from 3 to 5",
        f"Scaled down replica set {name} from 5 to 1",
    ]


def test_a_taken_name_is_a_collision_and_gets_another_name(world: World) -> None:
    rolled_out(world)
    name = world.all(SETS)[0]["metadata"]["name"]
    world.delete(KIND, "web", propagation="Background")
    world.run(5)
    squatter = deployment("other", 0)
    squatter["metadata"]["name"] = name
    world.create(SETS, squatter)
    again = rolled_out(world)
    assert again["status"]["collisionCount"] == 1
    assert again["status"]["readyReplicas"] == 3


def test_a_failing_set_is_seen_on_the_deployment(world: World) -> None:
    body = deployment()
    body["spec"]["template"]["spec"]["serviceAccountName"] = "robot"
    world.create(KIND, body)
    world.run(2)
    found = condition(world.get(KIND, "web"), "ReplicaFailure")
    assert found is not None
    assert (found["status"], found["reason"]) == ("True", "FailedCreate")


def test_a_finished_deployment_is_left_alone(world: World) -> None:
    before = rolled_out(world)["metadata"]["resourceVersion"]
    world.run(700)
    assert world.get(KIND, "web")["metadata"]["resourceVersion"] == before


def test_a_deployment_in_the_middle_of_a_rollout_scales_in_proportion(world: World) -> None:
    limits = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 3, "maxUnavailable": 2}}
    rolled_out(world, 10, strategy=limits)
    world.unready.add("web")
    new_template(world)
    world.run(5)
    assert sets(world) == {"1": 8, "2": 5}
    world.patch(KIND, "web", {"spec": {"replicas": 15}})
    world.run(0)
    assert sets(world) == {"1": 11, "2": 7}
