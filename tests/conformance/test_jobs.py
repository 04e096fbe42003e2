"""Jobs and CronJobs. Sources: pkg/controller/{job,cronjob}."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.objects import IMAGE, condition, is_ready
from tests.conformance.wire import Cluster, Obj

pytestmark = pytest.mark.usefixtures("runs_pods")
TRACKING = "batch.kubernetes.io/job-tracking"


def a_job(name: str = "work", *, ends: bool = False, serves: bool = False, **spec: Any) -> Obj:
    """A Job whose Pods idle, end at once with an error, or serve.

    Told to end, the idle one exits with 2, which a Job counts as failure; the one that serves exits
    with 0, which it counts as success.
    """
    container: Obj = {"name": "app", "image": IMAGE, "args": ["pause"]}
    if ends:
        container["args"] = ["no-such-subcommand"]
    if serves:
        container["args"] = ["netexec", "--http-port=8080"]
        container["readinessProbe"] = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
    inner = {
        "containers": [container], "restartPolicy": "Never", "terminationGracePeriodSeconds": 1,
    }  # fmt: skip
    return {"metadata": {"name": name}, "spec": {"template": {"spec": inner}, **spec}}


def running(cluster: Cluster, count: int = 1, **spec: Any) -> dict[str, Obj]:
    cluster.create("jobs", a_job(**spec))
    return cluster.until("pods", lambda pods: up(pods) == count)


def up(pods: dict[str, Obj]) -> int:
    return sum(
        p["status"].get("phase") == "Running" and "deletionTimestamp" not in p["metadata"]
        for p in pods.values()
    )


def reason(job: Obj, type: str) -> str | None:
    found = condition(job, type)
    return str(found["reason"]) if found is not None and found["status"] == "True" else None


def test_a_job_runs_as_many_pods_as_parallelism_says(cluster: Cluster) -> None:
    pods = running(cluster, 2, parallelism=2, completions=4)
    assert len(pods) == 2


def test_its_pods_carry_the_jobs_name_and_the_tracking_finalizer(cluster: Cluster) -> None:
    found = next(iter(running(cluster).values()))
    assert found["metadata"]["labels"]["batch.kubernetes.io/job-name"] == "work"
    assert TRACKING in found["metadata"]["finalizers"]


def test_failures_beyond_the_limit_fail_the_job(cluster: Cluster) -> None:
    cluster.create("jobs", a_job(ends=True, backoffLimit=0))
    found = cluster.until_one("jobs", "work", lambda j: reason(j, "Failed") is not None)
    assert reason(found, "Failed") == reason(found, "FailureTarget") == "BackoffLimitExceeded"
    assert found["status"]["failed"] == 1


def test_a_deleted_pod_counts_as_failed(cluster: Cluster) -> None:
    cluster.delete("pods", min(running(cluster)))
    cluster.until_one("jobs", "work", lambda j: j["status"].get("failed") == 1)


def evict_one(cluster: Cluster, **spec: Any) -> str:
    """Starts the Job with a rule that ignores disruptions, and evicts its Pod."""
    rule = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    pods = running(cluster, podFailurePolicy={"rules": [rule]}, backoffLimit=0, **spec)
    name = min(pods)
    cluster.until_one("pods", name, is_ready)
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    assert cluster.request("POST", cluster.path("pods", name, "eviction"), body).status == 201
    return name


def test_an_ignored_disruption_does_not_count(cluster: Cluster) -> None:
    name = evict_one(cluster)
    assert cluster.until("pods", lambda p: name not in p and up(p) == 1)
    assert cluster.get("jobs", "work")["status"].get("failed", 0) == 0


def test_a_disrupted_pod_that_ends_well_is_a_success(cluster: Cluster) -> None:
    evict_one(cluster, serves=True)
    found = cluster.until_one("jobs", "work", lambda j: reason(j, "Complete") is not None)
    assert found["status"]["succeeded"] == 1


def test_the_active_deadline_ends_a_job(cluster: Cluster) -> None:
    running(cluster, activeDeadlineSeconds=2)
    cluster.until_one("jobs", "work", lambda j: reason(j, "Failed") == "DeadlineExceeded")
    cluster.until("pods", lambda p: up(p) == 0)


def test_indexes_are_given_out_from_zero(cluster: Cluster) -> None:
    pods = running(cluster, 2, parallelism=2, completions=3, completionMode="Indexed")
    key = "batch.kubernetes.io/job-completion-index"
    assert sorted(p["metadata"]["annotations"][key] for p in pods.values()) == ["0", "1"]
    assert {p["spec"]["hostname"] for p in pods.values()} == {"work-0", "work-1"}


def test_a_suspended_job_has_no_pods(cluster: Cluster) -> None:
    running(cluster)
    cluster.patch("jobs", "work", {"spec": {"suspend": True}})
    cluster.until("pods", lambda p: up(p) == 0)
    cluster.until_one("jobs", "work", lambda j: reason(j, "Suspended") == "JobSuspended")


def test_a_finished_job_goes_after_its_time_to_live(cluster: Cluster) -> None:
    cluster.create("jobs", a_job(ends=True, backoffLimit=0, ttlSecondsAfterFinished=1))
    cluster.until("jobs", lambda found: "work" in found)
    cluster.until_gone("jobs", "work")


def test_deleting_a_job_without_policy_leaves_its_pods(cluster: Cluster) -> None:
    name = min(running(cluster))
    cluster.request("DELETE", cluster.path("jobs", "work"))
    cluster.until_gone("jobs", "work")
    cluster.until_one("pods", name, lambda p: "ownerReferences" not in p["metadata"])


def test_deleting_a_job_in_the_background_removes_its_pods(cluster: Cluster) -> None:
    name = min(running(cluster))
    cluster.delete("jobs", "work", propagationPolicy="Background")
    cluster.until_gone("pods", name)


def test_a_cronjob_with_a_bad_schedule_is_invalid(cluster: Cluster) -> None:
    spec = {"schedule": "61 * * * *", "jobTemplate": {"spec": a_job()["spec"]}}
    body = cluster.whole("cronjobs", {"metadata": {"name": "tick"}, "spec": spec})
    answer = cluster.request("POST", cluster.path("cronjobs"), body)
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")


@pytest.mark.minutes
def test_a_cronjob_starts_a_job_at_the_full_minute(patient: Cluster) -> None:
    spec = {"schedule": "* * * * *", "jobTemplate": {"spec": a_job()["spec"]}}
    patient.create("cronjobs", {"metadata": {"name": "tick"}, "spec": spec})
    found = patient.until("jobs", lambda jobs: bool(jobs), within=75)
    assert next(iter(found)).startswith("tick-")
