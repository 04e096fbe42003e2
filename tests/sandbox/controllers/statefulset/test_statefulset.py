"""The StatefulSet controller (rules 3.3)."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.kube.api import ApiError, NoAnswerYet, Obj
from tests.sandbox.controllers.world import World, template

KIND = "statefulsets.apps"


def a_set(replicas: int = 3, **spec: Any) -> Obj:
    selector = {"matchLabels": {"app": "db"}}
    base = {"replicas": replicas, "selector": selector, "serviceName": "db"}
    return {"metadata": {"name": "db"}, "spec": {**base, "template": template("db"), **spec}}


def names(world: World) -> list[str]:
    return [p["metadata"]["name"] for p in world.all("pods")]


def running(world: World, replicas: int = 3, **spec: Any) -> World:
    world.create(KIND, a_set(replicas, **spec))
    world.run(2 + replicas)
    assert len(names(world)) == replicas
    return world


def new_image(world: World, **more: Any) -> None:
    container = {"name": "app", "image": "registry.k8s.io/pause:3.9"}
    world.patch(KIND, "db", {"spec": {"template": {"spec": {"containers": [container]}}, **more}})


def images(world: World) -> dict[str, str]:
    return {
        p["metadata"]["name"]: p["spec"]["containers"][0]["image"].rpartition(":")[2]
        for p in world.all("pods")
    }


def test_pods_come_one_after_the_other_each_when_the_last_is_ready(world: World) -> None:
    world.create(KIND, a_set())
    world.run(0.4)
    assert names(world) == ["db-0"]
    world.run(0.2)
    assert names(world) == ["db-0", "db-1"]
    world.run(1)
    assert names(world) == ["db-0", "db-1", "db-2"]


def test_a_pod_that_does_not_get_ready_stops_the_rest(world: World) -> None:
    world.unready.add("db-1")
    world.create(KIND, a_set())
    world.run(60)
    assert names(world) == ["db-0", "db-1"]


def test_parallel_makes_all_at_once(world: World) -> None:
    world.create(KIND, a_set(podManagementPolicy="Parallel"))
    world.run(0)
    assert names(world) == ["db-0", "db-1", "db-2"]


def test_min_ready_seconds_hold_the_next_pod_back(world: World) -> None:
    world.create(KIND, a_set(2, minReadySeconds=10))
    world.run(9)
    assert names(world) == ["db-0"]
    world.run(3)
    assert names(world) == ["db-0", "db-1"]


def test_pods_carry_their_name_index_and_host(world: World) -> None:
    running(world)
    found = world.get("pods", "db-1")
    assert found["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] == "db-1"
    assert found["metadata"]["labels"]["apps.kubernetes.io/pod-index"] == "1"
    assert (found["spec"]["hostname"], found["spec"]["subdomain"]) == ("db-1", "db")


def test_ordinals_start_at_the_number_that_the_set_names(world: World) -> None:
    running(world, ordinals={"start": 5})
    assert names(world) == ["db-5", "db-6", "db-7"]


def test_a_terminating_pod_is_not_replaced_before_it_is_gone() -> None:
    world = running(World(stop=20))
    uid = world.get("pods", "db-1")["metadata"]["uid"]
    world.delete("pods", "db-1")
    world.run(19)
    assert world.get("pods", "db-1")["metadata"]["uid"] == uid
    world.run(2)
    assert world.get("pods", "db-1")["metadata"]["uid"] != uid


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
def test_an_ended_pod_is_made_again_under_its_name(world: World, phase: str) -> None:
    running(world)
    uid = world.get("pods", "db-1")["metadata"]["uid"]
    world.report("db-1", phase=phase, ready=False)
    world.run(2)
    assert world.get("pods", "db-1")["metadata"]["uid"] != uid


def test_scaling_down_goes_from_the_top_one_by_one(world: World) -> None:
    running(world)
    world.patch(KIND, "db", {"spec": {"replicas": 0}})
    seen = [tuple(names(world))]
    for _ in range(80):
        world.run(0.1)
        if tuple(names(world)) != seen[-1]:
            seen.append(tuple(names(world)))
    assert seen == [("db-0", "db-1", "db-2"), ("db-0", "db-1"), ("db-0",), ()]


def test_scaling_down_is_blocked_while_a_lower_pod_is_not_ready(world: World) -> None:
    running(world)
    world.report("db-0", ready=False)
    world.patch(KIND, "db", {"spec": {"replicas": 1}})
    world.run(60)
    assert names(world) == ["db-0", "db-1", "db-2"]


def test_a_pod_that_is_not_ready_itself_can_be_scaled_away(world: World) -> None:
    running(world)
    world.report("db-2", ready=False)
    world.patch(KIND, "db", {"spec": {"replicas": 2}})
    world.run(5)
    assert names(world) == ["db-0", "db-1"]


def test_of_two_pods_that_are_not_ready_the_higher_waits_for_the_lower(world: World) -> None:
    running(world)
    world.report("db-1", ready=False)
    world.report("db-2", ready=False)
    world.patch(KIND, "db", {"spec": {"replicas": 1}})
    world.run(60)
    assert names(world) == ["db-0", "db-1", "db-2"]


def test_an_update_of_a_parallel_set_waits_for_ready_too(world: World) -> None:
    running(world, podManagementPolicy="Parallel")
    world.unready.add("db-2")
    new_image(world)
    world.run(60)
    assert images(world) == {"db-0": "3.10", "db-1": "3.10", "db-2": "3.9"}


def test_an_update_goes_from_the_top_one_by_one_and_waits_for_ready(world: World) -> None:
    running(world)
    new_image(world)
    seen: list[str] = []
    for _ in range(100):
        world.run(0.1)
        updated = "".join(sorted(n[-1] for n, tag in images(world).items() if tag == "3.9"))
        if not seen or seen[-1] != updated:
            seen.append(updated)
    assert seen == ["", "2", "12", "012"]


def test_an_update_stops_at_a_pod_that_does_not_get_ready(world: World) -> None:
    running(world)
    world.unready.add("db-2")
    new_image(world)
    world.run(60)
    assert images(world) == {"db-0": "3.10", "db-1": "3.10", "db-2": "3.9"}


def test_a_partition_keeps_lower_ordinals_at_the_old_revision(world: World) -> None:
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
    running(world, updateStrategy=rolling)
    before = world.get("pods", "db-1")["metadata"]["uid"]
    new_image(world)
    world.run(20)
    assert images(world) == {"db-0": "3.10", "db-1": "3.10", "db-2": "3.9"}
    assert world.get("pods", "db-1")["metadata"]["uid"] == before
    world.delete("pods", "db-0")
    world.run(5)
    assert images(world)["db-0"] == "3.10"


def test_on_delete_updates_only_what_is_deleted(world: World) -> None:
    running(world, updateStrategy={"type": "OnDelete"})
    new_image(world)
    world.run(20)
    assert set(images(world).values()) == {"3.10"}
    world.delete("pods", "db-1")
    world.run(5)
    assert images(world) == {"db-0": "3.10", "db-1": "3.9", "db-2": "3.10"}


def test_the_status_after_an_update(world: World) -> None:
    running(world)
    first = world.get(KIND, "db")["status"]["currentRevision"]
    new_image(world)
    world.run(20)
    status = world.get(KIND, "db")["status"]
    assert status["currentRevision"] == status["updateRevision"] != first
    numbers = [status[f"{n}Replicas"] for n in ("ready", "available", "current", "updated")]
    assert numbers == [3, 3, 3, 3]
    assert status["observedGeneration"] == 2


def test_going_back_reuses_the_old_revision(world: World) -> None:
    running(world)
    first = world.get(KIND, "db")["status"]["currentRevision"]
    new_image(world)
    world.run(20)
    container = {"name": "app", "image": "registry.k8s.io/pause:3.10"}
    world.patch(KIND, "db", {"spec": {"template": {"spec": {"containers": [container]}}}})
    world.run(20)
    assert world.get(KIND, "db")["status"]["currentRevision"] == first
    assert len(world.all("controllerrevisions.apps")) == 2


CLAIM = [
    {
        "metadata": {"name": "data"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
]


def test_each_ordinal_has_a_claim_of_its_own_that_survives_scaling(world: World) -> None:
    running(world, volumeClaimTemplates=CLAIM)
    claims = [c["metadata"]["name"] for c in world.all("persistentvolumeclaims")]
    assert claims == ["data-db-0", "data-db-1", "data-db-2"]
    volume = world.get("pods", "db-1")["spec"]["volumes"][0]
    assert volume["persistentVolumeClaim"]["claimName"] == "data-db-1"
    world.patch(KIND, "db", {"spec": {"replicas": 0}})
    world.run(20)
    assert len(world.all("persistentvolumeclaims")) == 3


def test_claims_go_with_scaled_away_pods_when_the_policy_says_delete(world: World) -> None:
    policy = {"whenScaled": "Delete", "whenDeleted": "Retain"}
    running(world, volumeClaimTemplates=CLAIM, persistentVolumeClaimRetentionPolicy=policy)
    world.patch(KIND, "db", {"spec": {"replicas": 1}})
    world.run(20)
    assert [c["metadata"]["name"] for c in world.all("persistentvolumeclaims")] == ["data-db-0"]


def test_claims_go_with_the_set_when_the_policy_says_delete(world: World) -> None:
    policy = {"whenScaled": "Retain", "whenDeleted": "Delete"}
    running(world, volumeClaimTemplates=CLAIM, persistentVolumeClaimRetentionPolicy=policy)
    world.delete(KIND, "db", propagation="Background")
    world.run(20)
    assert world.all("persistentvolumeclaims") == []


def test_creations_are_told_in_events(world: World) -> None:
    running(world, 1)
    assert world.events("SuccessfulCreate", "db") == [
        "create Pod db-0 in StatefulSet db successful"
    ]


def test_a_webhook_that_is_being_asked_has_refused_nothing(world: World) -> None:
    denied = ApiError(403, "Forbidden", "denied by the webhook")
    world.refuse("pods", NoAnswerYet(503, "ServiceUnavailable", "waiting for webhook"), denied)
    running(world, 1)
    said = f"create Pod db-0 in StatefulSet db failed error: {denied.message}"
    assert world.events("FailedCreate", "db") == [said]
