"""The DaemonSet controller (rules 3.4)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from resilience.sandbox.controllers.daemonset.daemon_plan import (
    Limits,
    limits_of,
    placement,
    tolerations_of,
)
from resilience.sandbox.kube.api import Obj
from tests.sandbox.controllers.world import World, template

KIND = "daemonsets.apps"


def a_set(**spec: Any) -> Obj:
    selector = {"matchLabels": {"app": "agent"}}
    base = {"selector": selector, "template": template("agent")}
    return {"metadata": {"name": "agent"}, "spec": {**base, **spec}}


def running(world: World, **spec: Any) -> World:
    world.create(KIND, a_set(**spec))
    world.run(2)
    return world


def nodes(world: World) -> list[str]:
    return sorted(p["spec"].get("nodeName", "") for p in world.pods())


def new_image(world: World) -> None:
    container = {"name": "app", "image": "registry.k8s.io/pause:3.9"}
    world.patch(KIND, "agent", {"spec": {"template": {"spec": {"containers": [container]}}}})


def updated(world: World) -> int:
    return sum(p["spec"]["containers"][0]["image"].endswith("3.9") for p in world.pods())


def test_every_node_has_one_pod(world: World) -> None:
    assert nodes(running(world)) == ["node-1", "node-2", "node-3"]


def test_a_new_node_gets_a_daemon_pod(world: World) -> None:
    running(world)
    world.add_node("node-4")
    world.run(1)
    assert nodes(world) == ["node-1", "node-2", "node-3", "node-4"]


def test_pods_are_pinned_to_their_node_and_bound_by_the_scheduler(world: World) -> None:
    found = running(world).pods()[0]
    required = found["spec"]["affinity"]["nodeAffinity"]
    terms = required["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    field = {"key": "metadata.name", "operator": "In", "values": [found["spec"]["nodeName"]]}
    assert terms == [{"matchFields": [field]}]
    assert world.events("Scheduled", found["metadata"]["name"])


def test_a_cordoned_node_keeps_its_pod_and_gets_it_back(world: World) -> None:
    running(world)
    world.patch("nodes", "node-1", {"spec": {"unschedulable": True}})
    world.run(5)
    on_one = [p for p in world.pods() if p["spec"]["nodeName"] == "node-1"]
    world.delete("pods", on_one[0]["metadata"]["name"])
    world.run(3)
    assert nodes(world) == ["node-1", "node-2", "node-3"]


def test_pods_stay_on_a_node_that_is_lost(world: World) -> None:
    running(world)
    world.silent.add("node-1")
    world.run(600)
    assert nodes(world) == ["node-1", "node-2", "node-3"]


def test_an_untolerated_no_execute_taint_removes_the_pod(world: World) -> None:
    running(world)
    world.patch("nodes", "node-1", {"spec": {"taints": [{"key": "x", "effect": "NoExecute"}]}})
    world.run(3)
    assert nodes(world) == ["node-2", "node-3"]


def test_an_untolerated_no_schedule_taint_leaves_the_pod_that_is_there(world: World) -> None:
    running(world)
    world.patch("nodes", "node-1", {"spec": {"taints": [{"key": "x", "effect": "NoSchedule"}]}})
    world.run(3)
    assert nodes(world) == ["node-1", "node-2", "node-3"]
    status = world.get(KIND, "agent")["status"]
    assert (status["desiredNumberScheduled"], status["numberMisscheduled"]) == (2, 1)


def test_a_node_selector_restricts_the_nodes(world: World) -> None:
    world.add_node("fast", disk="ssd")
    body = a_set()
    body["spec"]["template"]["spec"]["nodeSelector"] = {"disk": "ssd"}
    world.create(KIND, body)
    world.run(2)
    assert nodes(world) == ["fast"]


def test_the_status_of_a_daemonset_counts_its_pods_by_state(world: World) -> None:
    status = running(world).get(KIND, "agent")["status"]
    assert status == {
        "currentNumberScheduled": 3, "numberMisscheduled": 0, "desiredNumberScheduled": 3,
        "numberReady": 3, "observedGeneration": 1, "updatedNumberScheduled": 3,
        "numberAvailable": 3,
    }  # fmt: skip


def test_an_update_takes_one_node_at_a_time(world: World) -> None:
    running(world)
    new_image(world)
    least = 3
    for _ in range(120):
        world.run(0.1)
        ready = world.get(KIND, "agent")["status"].get("numberAvailable", 0)
        least = min(least, ready)
    assert (least, updated(world)) == (2, 3)


def test_an_update_stops_when_the_new_pod_does_not_get_ready(world: World) -> None:
    running(world)
    world.unready.add("agent")
    new_image(world)
    world.run(60)
    assert updated(world) == 1


def test_surge_makes_the_new_pod_first(world: World) -> None:
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    running(world, updateStrategy=rolling)
    new_image(world)
    least = most = 3
    for _ in range(200):
        world.run(0.1)
        least = min(least, world.get(KIND, "agent")["status"].get("numberReady", 0))
        most = max(most, len(world.pods()))
    assert (least, most, updated(world)) == (3, 4, 3)


def test_on_delete_updates_only_what_is_deleted(world: World) -> None:
    running(world, updateStrategy={"type": "OnDelete"})
    new_image(world)
    world.run(5)
    assert updated(world) == 0
    world.delete("pods", world.pods()[0]["metadata"]["name"])
    world.run(5)
    assert updated(world) == 1


def test_a_failed_pod_is_made_again_with_growing_back_off() -> None:
    world = World(nodes=1)
    running(world)
    moments: list[float] = []
    known = world.pods()[0]["metadata"]["uid"]
    for _ in range(300):
        found = world.pods()
        if found and found[0]["metadata"]["uid"] != known:
            known = found[0]["metadata"]["uid"]
            moments.append(world.clock.monotonic())
        if found and found[0].get("status", {}).get("phase") == "Running":
            world.report(found[0]["metadata"]["name"], phase="Failed", ready=False)
        world.run(0.1)
    gaps = [round(b - a) for a, b in pairwise(moments)]
    assert gaps[:4] == [1, 2, 4, 8]


def test_a_daemon_pod_tolerates_exactly_the_taints_of_kubernetes() -> None:
    assert [(t["key"].partition("/")[2], t["effect"]) for t in tolerations_of({})] == [
        ("not-ready", "NoExecute"), ("unreachable", "NoExecute"),
        ("disk-pressure", "NoSchedule"), ("memory-pressure", "NoSchedule"),
        ("pid-pressure", "NoSchedule"), ("unschedulable", "NoSchedule"),
    ]  # fmt: skip
    host = tolerations_of({"hostNetwork": True})
    assert host[-1]["key"] == "node.kubernetes.io/network-unavailable"


@pytest.mark.parametrize(
    ("rolling", "expected"),
    [({}, Limits(0, 1)), ({"maxUnavailable": "10%"}, Limits(0, 1)),
     ({"maxUnavailable": "34%"}, Limits(0, 4)), ({"maxUnavailable": 0}, Limits(0, 1)),
     ({"maxSurge": "15%", "maxUnavailable": 0}, Limits(2, 0))],
)  # fmt: skip
def test_both_limits_of_a_rolling_update_round_up(
    rolling: dict[str, Any], expected: Limits
) -> None:
    owner = a_set(updateStrategy={"type": "RollingUpdate", "rollingUpdate": rolling})
    assert limits_of(owner, 10) == expected


def test_a_node_name_in_the_template_places_a_daemon_on_that_node() -> None:
    node = {"metadata": {"name": "a"}, "spec": {}}
    assert placement({"nodeName": "a"}, node) == (True, True)
    assert placement({"nodeName": "b"}, node) == (False, False)


def test_a_revision_is_labelled_as_its_pods_are(world: World) -> None:
    """Clients find a Pod's revision by this label, and compare the bytes of its data."""
    running(world)
    revision = world.all("controllerrevisions.apps")[0]
    labels = {p["metadata"]["labels"]["controller-revision-hash"] for p in world.pods()}
    assert labels == {revision["metadata"]["labels"]["controller-revision-hash"]}
    template = revision["data"]["spec"]["template"]
    assert list(template) == ["$patch", "metadata", "spec"]
    assert list(template["spec"]) == sorted(template["spec"])
