"""Indexed Jobs that judge each index by itself: limits, FailIndex, success policies."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.controllers.job.completion_indexes import index_of
from resilience.sandbox.controllers.job.per_index import FAILURES, IGNORED, success
from resilience.sandbox.controllers.job.pod_tracking import FINALIZER
from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.object_edits import finalizers_of
from tests.sandbox.controllers.job.test_job import alive, end, reason, started, status
from tests.sandbox.controllers.world import World

INDEXED: dict[str, Any] = {"completionMode": "Indexed"}


def pod_of(world: World, index: int) -> Obj:
    """The Pod that works on an index now."""
    return next(pod for pod in alive(world) if index_of(pod) == index)


def working(world: World) -> set[int | None]:
    return {index_of(pod) for pod in alive(world)}


def fail(world: World, index: int, code: int = 1) -> None:
    """One failure of an index, and the back-off after it."""
    end(world, pod_of(world, index), "Failed", code)
    world.run(700)


def per_index(world: World, limit: int = 1, **spec: Any) -> World:
    counts = {"completions": 3, "parallelism": 3, "backoffLimit": 1000, **spec}
    return started(world, **INDEXED, backoffLimitPerIndex=limit, **counts)


def test_an_index_over_its_limit_is_given_up_and_the_others_go_on(world: World) -> None:
    per_index(world)
    assert pod_of(world, 1)["metadata"]["annotations"][FAILURES] == "0"
    fail(world, 1)
    assert pod_of(world, 1)["metadata"]["annotations"][FAILURES] == "1"
    fail(world, 1)
    assert working(world) == {0, 2}
    assert status(world)["failedIndexes"] == "1"
    assert reason(world, "FailureTarget") is None
    for index in (0, 2):
        end(world, pod_of(world, index), "Succeeded")
    assert reason(world, "Failed") == "FailedIndexes"
    assert status(world)["completedIndexes"] == "0,2"


def test_a_job_without_failed_indexes_completes(world: World) -> None:
    per_index(world)
    fail(world, 0)
    for index in (0, 1, 2):
        end(world, pod_of(world, index), "Succeeded")
    assert reason(world, "Complete") == "CompletionsReached"
    assert status(world)["failedIndexes"] == ""


def test_back_off_holds_only_the_index_that_failed(world: World) -> None:
    per_index(world, parallelism=2)
    end(world, pod_of(world, 0), "Failed")
    world.run(1)
    assert working(world) == {1, 2}, "index 0 waits, its place goes to the next"
    end(world, pod_of(world, 1), "Succeeded")
    world.run(1)
    assert working(world) == {2}
    world.run(10)
    assert working(world) == {0, 2}


def test_too_many_failed_indexes_end_the_job(world: World) -> None:
    per_index(world, limit=0, maxFailedIndexes=1)
    fail(world, 0)
    assert reason(world, "FailureTarget") is None
    fail(world, 1)
    assert reason(world, "FailureTarget") == "MaxFailedIndexesExceeded"
    world.run(40)
    assert alive(world) == []


def rule(action: str) -> dict[str, Any]:
    codes = {"operator": "In", "values": [42]}
    return {"rules": [{"action": action, "onExitCodes": codes}]}


def test_fail_index_gives_an_index_up_at_once(world: World) -> None:
    per_index(world, limit=5, podFailurePolicy=rule("FailIndex"))
    fail(world, 2, code=42)
    assert status(world)["failedIndexes"] == "2"
    fail(world, 0, code=1)
    assert working(world) == {0, 1}


def test_ignored_failures_do_not_count_for_their_index(world: World) -> None:
    per_index(world, limit=0, podFailurePolicy=rule("Ignore"))
    fail(world, 0, code=42)
    carried = pod_of(world, 0)["metadata"]["annotations"]
    assert (carried[FAILURES], carried[IGNORED]) == ("0", "1")
    assert status(world)["failedIndexes"] == ""


def test_an_ignored_failure_is_waited_for_like_any_other(world: World) -> None:
    per_index(world, limit=0, podFailurePolicy=rule("Ignore"))
    end(world, pod_of(world, 0), "Failed", 42)
    world.run(9)
    assert working(world) == {1, 2}
    world.run(2)
    assert working(world) == {0, 1, 2}


def test_a_deleted_pod_of_an_index_is_remembered_until_the_next_one_exists() -> None:
    world = per_index(World(stop=30), limit=1)
    name = pod_of(world, 0)["metadata"]["name"]
    world.delete("pods", name)
    world.run(5)
    assert FINALIZER in finalizers_of(world.get("pods", name))
    assert 0 not in working(world)
    world.run(7)
    assert FINALIZER not in finalizers_of(world.get("pods", name)), "another one follows"
    assert pod_of(world, 0)["metadata"]["annotations"][FAILURES] == "1"
    world.delete("pods", pod_of(world, 0)["metadata"]["name"])
    world.run(5)
    assert status(world)["failedIndexes"] == "0"


def test_what_was_kept_is_counted_when_the_job_ends(world: World) -> None:
    per_index(world, limit=5, parallelism=2, activeDeadlineSeconds=5)
    end(world, pod_of(world, 0), "Failed")
    assert status(world).get("failed") is None
    world.run(6)
    assert reason(world, "FailureTarget") == "DeadlineExceeded"
    assert status(world)["failed"] >= 1


def test_a_rule_that_fails_the_job_does_so_at_once(world: World) -> None:
    per_index(world, limit=5, podFailurePolicy=rule("FailJob"))
    end(world, pod_of(world, 0), "Failed", 42)
    assert reason(world, "FailureTarget") == "PodFailurePolicy"


def test_a_job_that_is_deleted_keeps_no_pod(world: World) -> None:
    per_index(world, limit=5)
    end(world, pod_of(world, 0), "Failed")
    [job] = world.all("jobs.batch")
    world.delete("jobs.batch", job["metadata"]["name"], propagation="Foreground")
    world.run(5)
    assert world.all("jobs.batch") == []
    assert world.all("pods") == []


def test_a_success_policy_ends_the_job_before_all_indexes_are_done(world: World) -> None:
    policy = {"rules": [{"succeededIndexes": "0"}]}
    started(world, **INDEXED, completions=3, parallelism=3, successPolicy=policy)
    end(world, pod_of(world, 1), "Succeeded")
    assert reason(world, "SuccessCriteriaMet") is None
    end(world, pod_of(world, 0), "Succeeded")
    assert reason(world, "SuccessCriteriaMet") == "SuccessPolicy"
    world.run(40)
    assert alive(world) == []
    assert reason(world, "Complete") == "SuccessPolicy"


@pytest.mark.parametrize(
    ("rules", "done", "matched"),
    [
        ([{"succeededIndexes": "0-2", "succeededCount": 2}], {0, 2}, 0),
        ([{"succeededIndexes": "0-2", "succeededCount": 2}], {0, 5}, None),
        ([{"succeededCount": 2}], {7, 8}, 0),
        ([{"succeededIndexes": "1"}, {"succeededCount": 1}], {0}, 1),
        ([{"succeededIndexes": "0,2"}], {0, 1, 2}, 0),
        ([{"succeededCount": 1}], set(), None),
    ],
)
def test_the_first_rule_that_holds_is_named(
    rules: list[Obj], done: set[int], matched: int | None
) -> None:
    found = success({"spec": {"successPolicy": {"rules": rules}}}, done)
    text = None if found is None else found.message
    assert text == (None if matched is None else f"Matched rules at index {matched}")
