"""The Job controller (rules 3.5)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from resilience.sandbox.controllers.job import cronjob
from resilience.sandbox.controllers.job.completion_indexes import needed, parse, render
from resilience.sandbox.controllers.job.completion_plan import back_off
from resilience.sandbox.controllers.job.cronjob_starts import due
from resilience.sandbox.host.sandbox_clock import stamp
from resilience.sandbox.kube.api import ApiError, NoAnswerYet, Obj
from resilience.sandbox.kube.object_edits import condition
from tests.sandbox.controllers.world import World, template

KIND = "jobs.batch"


def a_job(**spec: Any) -> Obj:
    made = template("work", restartPolicy=spec.pop("restartPolicy", "Never"))
    return {"metadata": {"name": "work"}, "spec": {"template": made, **spec}}


def started(world: World, **spec: Any) -> World:
    world.create(KIND, a_job(**spec))
    world.run(1)
    return world


def end(world: World, pod: Obj, phase: str, code: int = 1) -> None:
    name = pod["metadata"]["name"]
    found = world.get("pods", name)
    ended = {"exitCode": 0 if phase == "Succeeded" else code,
             "finishedAt": stamp(world.clock.now())}  # fmt: skip
    statuses = [{"name": "app", "restartCount": 0, "state": {"terminated": ended}}]
    status = {**found["status"], "containerStatuses": statuses}
    world.api.update(world.kind("pods"), {**found, "status": status}, "status")
    world.report(name, phase=phase, ready=False)
    world.run(0)


def alive(world: World) -> list[Obj]:
    return [p for p in world.pods() if p["status"]["phase"] in ("Pending", "Running")]


def status(world: World) -> Obj:
    found: Obj = world.get(KIND, "work")["status"]
    return found


def reason(world: World, type: str) -> str | None:
    found = condition(world.get(KIND, "work"), type)
    return str(found["reason"]) if found is not None and found["status"] == "True" else None


def test_one_success_completes_a_plain_job(world: World) -> None:
    started(world)
    end(world, alive(world)[0], "Succeeded")
    assert reason(world, "SuccessCriteriaMet") == reason(world, "Complete") == "CompletionsReached"
    assert status(world)["succeeded"] == 1
    assert status(world)["completionTime"]
    assert world.events("Completed", "work") == ["Job completed"]


def test_parallelism_limits_pods_and_completions_end_the_job(world: World) -> None:
    started(world, completions=5, parallelism=2)
    seen = 0
    while alive(world):
        assert len(alive(world)) <= 2
        end(world, alive(world)[0], "Succeeded")
        seen += 1
        world.run(1)
    assert seen == 5
    assert reason(world, "Complete")


def test_no_more_pods_than_completions_are_left(world: World) -> None:
    started(world, completions=3, parallelism=3)
    end(world, alive(world)[0], "Succeeded")
    assert len(alive(world)) == 2


def test_a_counted_pod_loses_its_finalizer_and_stays(world: World) -> None:
    started(world)
    pod = alive(world)[0]
    assert pod["metadata"]["finalizers"] == ["batch.kubernetes.io/job-tracking"]
    end(world, pod, "Succeeded")
    assert "finalizers" not in world.get("pods", pod["metadata"]["name"])["metadata"]


def test_failures_beyond_the_limit_fail_the_job(world: World) -> None:
    started(world, backoffLimit=1)
    end(world, alive(world)[0], "Failed")
    assert reason(world, "Failed") is None
    world.run(15)
    end(world, alive(world)[0], "Failed")
    assert reason(world, "FailureTarget") == reason(world, "Failed") == "BackoffLimitExceeded"
    assert status(world)["failed"] == 2
    world.run(1000)
    assert alive(world) == []


def test_the_wait_before_a_new_pod_doubles(world: World) -> None:
    started(world)
    made: list[float] = []
    for _ in range(4):
        end(world, alive(world)[0], "Failed")
        begun = world.clock.monotonic()
        world.until(lambda: bool(alive(world)), within=200)
        made.append(round(world.clock.monotonic() - begun))
        world.run(1)
    assert made == [10, 20, 40, 80]


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 0), (1, 10), (2, 20), (3, 40), (6, 320), (7, 600), (50, 600)]
)
def test_back_off_is_at_most_ten_minutes(failures: int, seconds: int) -> None:
    assert back_off(failures) == seconds


def test_a_success_resets_the_back_off(world: World) -> None:
    started(world, completions=2)
    end(world, alive(world)[0], "Failed")
    world.run(15)
    end(world, alive(world)[0], "Succeeded")
    world.run(1)
    end(world, alive(world)[0], "Failed")
    world.run(9)
    assert alive(world) == []
    world.run(2)
    assert len(alive(world)) == 1


def test_a_deleted_pod_counts_as_failed_and_is_replaced_at_once_of_back_off() -> None:
    world = started(World(stop=30), backoffLimit=3)
    world.delete("pods", alive(world)[0]["metadata"]["name"])
    world.run(0)
    assert status(world)["failed"] == 1
    world.run(12)
    assert len(alive(world)) == 1


def test_with_replacement_policy_failed_a_pod_has_to_end_first() -> None:
    world = started(World(stop=30), podReplacementPolicy="Failed")
    world.delete("pods", alive(world)[0]["metadata"]["name"])
    world.run(25)
    assert status(world).get("failed") is None
    assert alive(world) == []
    assert status(world)["terminating"] == 1


def policy(*rules: Obj) -> Obj:
    return {"rules": list(rules)}


def test_an_ignored_disruption_does_not_count(world: World) -> None:
    rule = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    started(world, backoffLimit=0, podFailurePolicy=policy(rule))
    pod = world.get("pods", alive(world)[0]["metadata"]["name"])
    entry = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
    fresh = {**pod["status"], "conditions": [*pod["status"]["conditions"], entry]}
    world.api.update(world.kind("pods"), {**pod, "status": fresh}, "status")
    end(world, pod, "Failed")
    assert status(world).get("failed") is None
    assert reason(world, "Failed") is None
    assert alive(world) == [], "an ignored failure is followed by the back-off all the same"
    assert 9.0 <= world.until(lambda: len(alive(world)) == 1) <= 11.0


def test_an_exit_code_can_fail_the_job_at_once(world: World) -> None:
    rule = {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}
    started(world, podFailurePolicy=policy(rule))
    pod = alive(world)[0]
    end(world, pod, "Failed", 42)
    assert reason(world, "Failed") == "PodFailurePolicy"
    found = condition(world.get(KIND, "work"), "Failed")
    assert found is not None
    assert found["message"] == (
        f"Container app for pod default/{pod['metadata']['name']} failed with exit code 42"
        " matching FailJob rule at index 0"
    )


def test_another_exit_code_counts_as_usual(world: World) -> None:
    rule = {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}
    started(world, podFailurePolicy=policy(rule))
    end(world, alive(world)[0], "Failed", 1)
    assert reason(world, "Failed") is None
    assert status(world)["failed"] == 1


def test_the_active_deadline_ends_the_job_and_its_pods(world: World) -> None:
    started(world, activeDeadlineSeconds=30)
    world.run(28)
    assert len(alive(world)) == 1
    world.run(5)
    assert reason(world, "Failed") == "DeadlineExceeded"
    assert alive(world) == []


def test_an_indexed_job_gives_each_index_one_pod(world: World) -> None:
    started(world, completions=3, parallelism=2, completionMode="Indexed")
    key = "batch.kubernetes.io/job-completion-index"
    by_index = {p["metadata"]["annotations"][key]: p for p in alive(world)}
    assert sorted(by_index) == ["0", "1"]
    assert by_index["1"]["spec"]["hostname"] == "work-1"
    end(world, by_index["1"], "Succeeded")
    world.run(1)
    assert sorted(p["metadata"]["annotations"][key] for p in alive(world)) == ["0", "2"]
    assert status(world)["completedIndexes"] == "1"


@pytest.mark.parametrize(
    ("text", "indexes"), [("", set()), ("1", {1}), ("0,1", {0, 1}), ("0-3,7", {0, 1, 2, 3, 7})]
)
def test_completed_indexes_read_and_print_back(text: str, indexes: set[int]) -> None:
    assert parse(text) == indexes
    assert render(indexes) == text


def test_the_lowest_free_indexes_are_next() -> None:
    assert needed(6, {0, 3}, {1}, 2) == [2, 4]


def test_a_suspended_job_has_no_pods_and_goes_on_when_resumed(world: World) -> None:
    started(world)
    world.patch(KIND, "work", {"spec": {"suspend": True}})
    world.run(3)
    assert alive(world) == []
    assert reason(world, "Suspended") == "JobSuspended"
    assert "startTime" not in status(world)
    world.patch(KIND, "work", {"spec": {"suspend": False}})
    world.run(15)
    assert len(alive(world)) == 1


def test_a_finished_job_goes_after_its_time_to_live(world: World) -> None:
    started(world, ttlSecondsAfterFinished=60)
    end(world, alive(world)[0], "Succeeded")
    world.run(58)
    assert world.find(KIND, "work") is not None
    world.run(5)
    assert world.find(KIND, "work") is None
    assert world.all("pods") == []


def test_a_deleted_jobs_pods_are_let_go(world: World) -> None:
    started(world)
    world.delete(KIND, "work", propagation="Background")
    world.run(3)
    assert world.all("pods") == []


# -- CronJobs ------------------------------------------------------------------------------------


def a_cronjob(schedule: str = "*/5 * * * *", **spec: Any) -> Obj:
    inner = {"spec": a_job()["spec"]}
    return {
        "metadata": {"name": "tick"},
        "spec": {"schedule": schedule, "jobTemplate": inner, **spec},
    }


def jobs(world: World) -> list[Obj]:
    return world.all(KIND)


def finish_all(world: World) -> None:
    for pod in alive(world):
        end(world, pod, "Succeeded")


def test_jobs_start_on_schedule_under_the_minutes_name(world: World) -> None:
    world.create("cronjobs.batch", a_cronjob())
    world.run(299)
    assert jobs(world) == []
    world.run(2)
    minute = int(world.clock.now() // 60)
    assert [j["metadata"]["name"] for j in jobs(world)] == [f"tick-{minute}"]
    found = world.get("cronjobs.batch", "tick")
    assert [a["name"] for a in found["status"]["active"]] == [f"tick-{minute}"]
    assert found["status"]["lastScheduleTime"] == stamp(minute * 60)


def test_a_webhook_that_is_asked_about_a_job_has_refused_nothing(world: World) -> None:
    denied = ApiError(403, "Forbidden", "denied by the webhook")
    world.refuse("jobs", NoAnswerYet(503, "ServiceUnavailable", "waiting for webhook"), denied)
    world.create("cronjobs.batch", a_cronjob())
    world.run(305)
    assert len(jobs(world)) == 1
    assert world.events("FailedCreate", "tick") == [f"Error creating job: {denied.message}"]


def test_forbid_does_not_start_beside_a_running_job(world: World) -> None:
    world.create("cronjobs.batch", a_cronjob(concurrencyPolicy="Forbid"))
    world.run(620)
    assert len(jobs(world)) == 1
    assert world.events("JobAlreadyActive", "tick")


def test_a_start_held_back_by_forbid_is_made_up_for_when_the_job_ends(world: World) -> None:
    world.create("cronjobs.batch", a_cronjob(concurrencyPolicy="Forbid"))
    world.run(620)
    finish_all(world)
    world.run(1)
    assert len(jobs(world)) == 2


def test_replace_ends_the_running_job(world: World) -> None:
    world.create("cronjobs.batch", a_cronjob(concurrencyPolicy="Replace"))
    world.run(301)
    first = jobs(world)[0]["metadata"]["uid"]
    world.run(305)
    assert [j["metadata"]["uid"] for j in jobs(world)] != [first]
    assert len(jobs(world)) == 1


def test_allow_lets_jobs_pile_up(world: World) -> None:
    world.create("cronjobs.batch", a_cronjob())
    world.run(901)
    assert len(jobs(world)) == 3


def test_a_resumed_cronjob_starts_its_latest_missed_job_at_once(world: World) -> None:
    world.create("cronjobs.batch", a_cronjob(suspend=True))
    world.run(1000)
    assert jobs(world) == []
    world.patch("cronjobs.batch", "tick", {"spec": {"suspend": False}})
    world.run(1)
    assert [j["metadata"]["name"] for j in jobs(world)] == [
        f"tick-{int(world.clock.now() // 300) * 5}"
    ]


def test_a_start_missed_by_more_than_the_deadline_is_given_up(world: World) -> None:
    world.create("cronjobs.batch", a_cronjob(suspend=True, startingDeadlineSeconds=20))
    world.run(450)
    world.patch("cronjobs.batch", "tick", {"spec": {"suspend": False}})
    world.run(1)
    assert jobs(world) == []


def test_a_suspended_cron_job_sleeps_until_it_is_changed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.create("cronjobs.batch", a_cronjob("* * * * *", suspend=True))
    world.run(1)
    counted: list[object] = []

    def noted(*given: Any) -> object:
        counted.append(given)
        return due(*given)

    monkeypatch.setattr(cronjob, "due", noted)
    world.run(60 * 30)
    assert counted == []
    world.patch("cronjobs.batch", "tick", {"spec": {"suspend": False}})
    world.run(1)
    assert counted
    assert len(jobs(world)) == 1


def test_more_than_a_hundred_missed_starts_are_told_and_the_latest_runs(world: World) -> None:
    world.create("cronjobs.batch", a_cronjob("* * * * *", suspend=True))
    world.run(60 * 150)
    world.patch("cronjobs.batch", "tick", {"spec": {"suspend": False}})
    world.run(1)
    assert len(jobs(world)) == 1
    assert world.events("TooManyMissedTimes", "tick")


def test_history_keeps_three_successes(world: World) -> None:
    world.create("cronjobs.batch", a_cronjob())
    for _ in range(6):
        world.run(300)
        finish_all(world)
        world.run(1)
    names = [j["metadata"]["name"] for j in jobs(world)]
    assert len(names) == 3
    minutes = [int(name.partition("-")[2]) for name in names]
    assert [b - a for a, b in pairwise(minutes)] == [5, 5]


def test_an_orphan_is_adopted_and_what_no_longer_matches_is_released(world: World) -> None:
    started(world, parallelism=2, completions=2)
    name = world.pods()[0]["metadata"]["name"]
    world.patch("pods", name, {"metadata": {"ownerReferences": None, "finalizers": None}})
    world.run(1)
    found = world.get("pods", name)["metadata"]
    assert [owner["name"] for owner in found["ownerReferences"]] == ["work"]
    assert "batch.kubernetes.io/job-tracking" in found["finalizers"]
    assert len(world.pods()) == 2
    world.patch("pods", name, {"metadata": {"labels": None}})
    world.run(1)
    let_go = world.get("pods", name)["metadata"]
    assert "ownerReferences" not in let_go
    assert "finalizers" not in let_go
    assert len(world.pods()) == 3  # the Job makes another in its place
