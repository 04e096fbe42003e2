"""The ReplicaSet controller (rules 3.1)."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.controllers.podsets.pod_creation import slow_start
from resilience.sandbox.kube.api import ApiError, NoAnswerYet, Obj
from tests.sandbox.controllers.world import World, pod, replicaset

SETS = "replicasets.apps"


def ready(world: World, name: str = "web", replicas: int = 3, **spec: Any) -> Obj:
    world.create(SETS, replicaset(name, replicas, **spec))
    world.run(2)
    return world.get(SETS, name)


def test_it_makes_the_asked_number_of_pods_and_owns_them(world: World) -> None:
    owner = ready(world)
    references = [p["metadata"]["ownerReferences"] for p in world.pods()]
    assert [[r["uid"] for r in rs] for rs in references] == [[owner["metadata"]["uid"]]] * 3
    assert all(rs[0]["controller"] and rs[0]["blockOwnerDeletion"] for rs in references)


def test_a_terminating_pod_is_replaced_at_once(world: World) -> None:
    ready(world)
    world.delete("pods", world.pods()[0]["metadata"]["name"])
    world.run(0)
    assert len(world.all("pods")) == 4
    assert len(world.pods()) == 3


def test_a_failed_pod_is_replaced(world: World) -> None:
    ready(world)
    world.report(world.pods()[0]["metadata"]["name"], phase="Failed", ready=False)
    world.run(0)
    assert len(world.pods()) == 4


def test_scaling_down_deletes_as_many_as_too_many(world: World) -> None:
    ready(world)
    world.patch(SETS, "web", {"spec": {"replicas": 1}})
    world.run(3)
    assert len(world.all("pods")) == 1


def test_scaling_down_takes_the_pod_that_is_not_ready(world: World) -> None:
    ready(world)
    victim = world.pods()[1]["metadata"]["name"]
    world.report(victim, ready=False)
    world.patch(SETS, "web", {"spec": {"replicas": 2}})
    world.run(0)
    assert victim not in [p["metadata"]["name"] for p in world.pods()]


def test_an_orphan_that_matches_is_adopted_and_counted(world: World) -> None:
    world.create("pods", pod("loose"))
    owner = ready(world)
    loose = world.get("pods", "loose")
    assert loose["metadata"]["ownerReferences"][0]["uid"] == owner["metadata"]["uid"]
    assert len(world.pods()) == 3


def test_an_orphan_that_comes_later_is_adopted_and_one_pod_goes(world: World) -> None:
    ready(world)
    world.create("pods", pod("loose"))
    world.run(3)
    assert len(world.all("pods")) == 3


def test_a_pod_of_another_controller_is_left_alone(world: World) -> None:
    other = pod("taken")
    reference = {"apiVersion": "v1", "kind": "Odd", "name": "x", "uid": "u", "controller": True}
    other["metadata"]["ownerReferences"] = [reference]
    world.create("pods", other)
    ready(world)
    assert len(world.pods()) == 4


def test_a_pod_whose_labels_no_longer_match_is_released_and_replaced(world: World) -> None:
    ready(world)
    name = world.pods()[0]["metadata"]["name"]
    world.patch("pods", name, {"metadata": {"labels": {"app": "quarantine"}}})
    world.run(2)
    assert "ownerReferences" not in world.get("pods", name)["metadata"]
    assert len(world.pods(app="web")) == 3


def test_the_status_counts_replicas_ready_available_and_labelled(world: World) -> None:
    status = ready(world)["status"]
    assert status == {
        "replicas": 3, "fullyLabeledReplicas": 3, "readyReplicas": 3, "availableReplicas": 3,
        "terminatingReplicas": 0, "observedGeneration": 1,
    }  # fmt: skip


def test_a_terminating_pod_counts_as_terminating_and_not_as_replica(world: World) -> None:
    ready(world)
    world.delete("pods", world.pods()[0]["metadata"]["name"])
    world.run(0.2)
    status = world.get(SETS, "web")["status"]
    assert (status["replicas"], status["readyReplicas"], status["terminatingReplicas"]) == (3, 2, 1)


def test_observed_generation_follows_the_spec(world: World) -> None:
    ready(world)
    world.patch(SETS, "web", {"spec": {"replicas": 2}})
    world.run(0)
    found = world.get(SETS, "web")
    assert found["status"]["observedGeneration"] == found["metadata"]["generation"] == 2


def test_available_needs_ready_for_min_ready_seconds(world: World) -> None:
    ready(world, minReadySeconds=10)
    assert "availableReplicas" not in world.get(SETS, "web")["status"]
    world.run(10)
    assert world.get(SETS, "web")["status"]["availableReplicas"] == 3


def test_nothing_is_written_when_nothing_has_changed(world: World) -> None:
    before = ready(world)["metadata"]["resourceVersion"]
    world.run(60)
    assert world.get(SETS, "web")["metadata"]["resourceVersion"] == before


def test_creations_and_deletions_are_told_in_events(world: World) -> None:
    ready(world, replicas=1)
    name = world.pods()[0]["metadata"]["name"]
    world.patch(SETS, "web", {"spec": {"replicas": 0}})
    world.run(0)
    assert world.events("SuccessfulCreate", "web") == [f"Created pod: {name}"]
    assert world.events("SuccessfulDelete", "web") == [f"Deleted pod: {name}"]


def test_a_refused_creation_is_a_condition_and_an_event_and_is_retried(world: World) -> None:
    broken = replicaset()
    broken["spec"]["template"]["spec"]["serviceAccountName"] = "robot"
    world.create(SETS, broken)
    world.run(1)
    condition = world.get(SETS, "web")["status"]["conditions"][0]
    assert (condition["type"], condition["status"], condition["reason"]) == (
        "ReplicaFailure", "True", "FailedCreate",
    )  # fmt: skip
    assert world.events("FailedCreate", "web")[0].startswith("Error creating: ")
    world.create("serviceaccounts", {"metadata": {"name": "robot"}})
    world.run(5)
    assert len(world.pods()) == 3
    assert "conditions" not in world.get(SETS, "web")["status"]


ASKING = NoAnswerYet(503, "ServiceUnavailable", "waiting for webhook")
DENIED = ApiError(403, "Forbidden", "denied by the webhook")


ENDING = ApiError(403, "Forbidden", "it ends", details={
    "causes": [{"reason": "NamespaceTerminating"}]})  # fmt: skip


@pytest.mark.parametrize("answer", [ASKING, ENDING])
def test_a_webhook_that_is_being_asked_or_a_namespace_that_ends_is_not_told(
    world: World, answer: ApiError
) -> None:
    world.refuse("pods", answer)
    world.create(SETS, replicaset(replicas=1))
    world.run(3)
    assert world.events("FailedCreate", "web") == []
    assert world.pods() or answer is ENDING


def test_what_it_answered_stays_told_while_it_is_asked_again(world: World) -> None:
    world.refuse("pods", ASKING, DENIED, *[ASKING] * 20)
    world.create(SETS, replicaset(replicas=1))
    world.run(3)
    [condition] = world.get(SETS, "web")["status"]["conditions"]
    assert condition["message"] == DENIED.message
    assert world.events("FailedCreate", "web") == [f"Error creating: {DENIED.message}"]


def test_a_replicaset_in_deletion_makes_no_more_pods(world: World) -> None:
    owner = replicaset()
    owner["metadata"]["finalizers"] = ["example.com/hold"]
    world.create(SETS, owner)
    world.run(2)
    world.delete(SETS, "web")
    world.delete("pods", world.pods()[0]["metadata"]["name"])
    world.run(5)
    assert len(world.all("pods")) == 2


def test_a_replicaset_in_deletion_adopts_nothing(world: World) -> None:
    owner = replicaset()
    owner["metadata"]["finalizers"] = ["example.com/hold"]
    world.create(SETS, owner)
    world.run(2)
    world.delete(SETS, "web")
    world.create("pods", pod("loose"))
    world.run(2)
    assert "ownerReferences" not in world.get("pods", "loose")["metadata"]


class Refusing:
    """Creates until a number is reached."""

    def __init__(self, limit: int) -> None:
        self.limit, self.asked = limit, 0

    def __call__(self) -> None:
        self.asked += 1
        if self.asked > self.limit:
            raise ApiError(403, "Forbidden", "exceeded quota")


@pytest.mark.parametrize(
    ("limit", "asked", "made"), [(0, 1, 0), (1, 3, 1), (3, 7, 3), (5, 7, 5), (500, 500, 500)]
)
def test_slow_start_stops_after_the_first_batch_with_a_refusal(
    limit: int, asked: int, made: int
) -> None:
    create = Refusing(limit)
    batch = slow_start(500, create, lambda: False)
    assert (create.asked, batch.done) == (asked, made)
    assert (batch.error is None) == (limit == 500)


def test_slow_start_gives_way_when_the_slice_is_over() -> None:
    create = Refusing(500)
    batch = slow_start(500, create, lambda: create.asked >= 7)
    assert (batch.done, batch.error) == (7, None)
