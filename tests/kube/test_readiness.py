"""What is missing until a workload is complete: pure."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.cluster.interface import (
    DAEMONSETS,
    DEPLOYMENTS,
    JOBS,
    REPLICATIONCONTROLLERS,
    STATEFULSETS,
    Object,
    Resource,
)
from resilience.kube.readiness import is_ready, outdated, serves, shortfall, summary, wanted


def missing(resource: Resource, obj: Object, pods: list[Object] | None) -> str:
    found = shortfall({**obj, "kind": resource.kind}, pods)
    return found.text if found else ""


def deployment(**more: Any) -> Object:
    status = {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3,
              "availableReplicas": 3} | more  # fmt: skip
    return {"metadata": {"generation": 2}, "spec": {"replicas": 3}, "status": status}


def pods(serving: int, terminating: int = 0) -> list[Object]:
    ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    living = [{"metadata": {"name": f"p{n}"}, "status": ready} for n in range(serving)]
    return living + [{"metadata": {"name": f"t{n}", "deletionTimestamp": "x"}, "status": ready}
                     for n in range(terminating)]  # fmt: skip


def test_a_complete_deployment_misses_nothing() -> None:
    assert missing(DEPLOYMENTS, deployment(), pods(3)) == ""


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"observedGeneration": 1}, "has not seen the newest spec (1 of 2)"),
        ({"replicas": 4}, "4 present"),
        ({"updatedReplicas": 2}, "2 updated"),
        ({"readyReplicas": 2}, "2 ready"),
        ({"availableReplicas": 0}, "0 available"),
    ],
)
def test_each_number_of_the_status_can_make_a_workload_unready(
    status: dict[str, int], said: str
) -> None:
    assert said in missing(DEPLOYMENTS, deployment(**status), pods(3))


def test_a_paused_deployment_says_that_it_is() -> None:
    held = deployment(updatedReplicas=0)
    held["spec"]["paused"] = True
    text = missing(DEPLOYMENTS, held, pods(3))
    assert text.endswith("0 updated; it is paused (`kubectl rollout resume`)")
    assert "paused" not in missing(DEPLOYMENTS, deployment(updatedReplicas=0), pods(3))


def test_a_status_of_before_the_delete_proves_nothing() -> None:
    """Seen on a real cluster: 4 ms after a DELETE the status still said 3 of 3."""
    assert "2 serving in this run's watch" in missing(DEPLOYMENTS, deployment(), pods(2, 1))


def test_without_a_watch_of_the_pods_the_status_is_believed() -> None:
    assert missing(DEPLOYMENTS, deployment(), None) == ""
    assert "2 ready" in missing(DEPLOYMENTS, deployment(readyReplicas=2), None)


def test_a_rollout_past_its_progress_deadline_is_not_waited_for() -> None:
    condition = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
                 "message": 'ReplicaSet "web-1" has timed out progressing.'}  # fmt: skip
    late = {**deployment(updatedReplicas=1, conditions=[condition]), "kind": "Deployment"}
    found = shortfall(late, pods(3))
    assert found is not None
    assert found.final
    assert "exceeded its progress deadline" in found.text
    newer = {**late, "metadata": {"generation": 3}}
    found = shortfall(newer, pods(3))
    assert found is not None
    assert not found.final, "the condition is of the spec before"


def test_a_deployment_that_is_being_deleted_is_not_ready() -> None:
    dying = deployment()
    dying["metadata"]["deletionTimestamp"] = "x"
    assert missing(DEPLOYMENTS, dying, pods(3)) == "it is being deleted"


@pytest.mark.parametrize(
    ("strategy", "updated", "said"),
    [
        ({}, 3, ""),
        ({}, 1, "1 updated"),
        ({"rollingUpdate": {"partition": 2}}, 1, ""),
        ({"rollingUpdate": {"partition": 2}}, 3, ""),
        ({"rollingUpdate": {"partition": 1}}, 1, "1 updated"),
        ({"type": "OnDelete"}, 0, ""),
    ],
)
def test_a_statefulset_is_updated_down_to_its_partition(
    strategy: dict[str, Any], updated: int, said: str
) -> None:
    found = deployment(updatedReplicas=updated)
    found["spec"]["updateStrategy"] = strategy
    text = missing(STATEFULSETS, found, pods(3))
    assert (said in text) if said else text == ""


def test_a_daemonset_counts_what_should_be_scheduled() -> None:
    status = {"observedGeneration": 1, "desiredNumberScheduled": 2, "updatedNumberScheduled": 2,
              "numberReady": 2, "numberAvailable": 1}  # fmt: skip
    found = {"metadata": {"generation": 1}, "spec": {}, "status": status}
    assert missing(DAEMONSETS, found, pods(2)) == "expected 2 of 2 Pods, observed 1 available"


def test_a_job_is_ready_when_it_is_complete() -> None:
    job: Object = {"status": {"conditions": [{"type": "Complete", "status": "True"}]}}
    assert missing(JOBS, job, []) == ""
    job = {"status": {"conditions": [{"type": "Failed", "status": "True", "message": "too often"}]}}
    assert missing(JOBS, job, []) == "it failed: too often"
    assert "not complete" in missing(JOBS, {}, [])
    found = shortfall({**job, "kind": "Job"}, [])
    assert found is not None
    assert found.final, "no waiting brings a failed Job back"


def test_a_replication_controller_is_counted_as_a_replicaset_is() -> None:
    status = {"observedGeneration": 1, "replicas": 2, "readyReplicas": 1, "availableReplicas": 1}
    found = {"metadata": {"generation": 1}, "spec": {"replicas": 2}, "status": status}
    said = missing(REPLICATIONCONTROLLERS, found, pods(1))
    assert said == (
        "expected 2 of 2 Pods, observed 1 ready, 1 available, 1 serving in this run's watch"
    )


def test_a_daemonset_that_updates_on_deletion_need_not_be_updated() -> None:
    status = {"observedGeneration": 1, "desiredNumberScheduled": 2, "updatedNumberScheduled": 0,
              "numberReady": 2, "numberAvailable": 2}  # fmt: skip
    spec = {"updateStrategy": {"type": "OnDelete"}}
    found: Object = {"metadata": {"generation": 1}, "spec": spec, "status": status}
    assert missing(DAEMONSETS, found, pods(2)) == ""
    found["spec"] = {}
    assert "0 updated" in missing(DAEMONSETS, found, pods(2))


@pytest.mark.parametrize(
    ("kind", "spec", "status", "number"),
    [
        ("Deployment", {}, {}, 1),
        ("Deployment", {"replicas": 0}, {}, 0),
        ("ReplicationController", {"replicas": 4}, {}, 4),
        ("DaemonSet", {}, {"desiredNumberScheduled": 2}, 2),
        ("Job", {}, {}, 1),
        ("Job", {"parallelism": 3, "completions": 5}, {"succeeded": 3}, 2),
        ("Job", {"parallelism": 3, "completions": 5}, {}, 3),
        ("Job", {"parallelism": 0}, {}, 0),
        ("Job", {"parallelism": 3}, {"succeeded": 1}, 0),
        ("Job", {"suspend": True}, {}, 0),
        ("Job", {"parallelism": 9, "completions": 9}, {"failedIndexes": "0,3-5"}, 5),
        ("Job", {"parallelism": 9, "completions": 9}, {"succeeded": 6, "failedIndexes": "1-3"}, 0),
        ("Job", {}, {"conditions": [{"type": "SuccessCriteriaMet", "status": "True"}]}, 0),
        ("Job", {}, {"conditions": [{"type": "FailureTarget", "status": "True"}]}, 0),
        ("Job", {}, {"conditions": [{"type": "FailureTarget", "status": "False"}]}, 1),
        ("Job", {}, {"conditions": [{"type": "Failed", "status": "True"}]}, 0),
        ("GameServer", {"replicas": 3}, {}, None),
    ],
)
def test_what_a_workload_wants_now(
    kind: str, spec: dict[str, Any], status: dict[str, Any], number: int | None
) -> None:
    assert wanted({"kind": kind, "spec": spec, "status": status}) == number


def test_a_pod_on_its_way_out_is_ready_and_serves_nobody() -> None:
    [living, dying] = pods(1, 1)
    assert is_ready(living)
    assert is_ready(dying)
    assert serves(living)
    assert not serves(dying)
    assert not serves({**living, "status": {**living["status"], "phase": "Failed"}})


@pytest.mark.parametrize(
    ("resource", "strategy", "updated", "old", "told"),
    [
        (STATEFULSETS, {"type": "OnDelete"}, 1, 2, "2 of them with an older template (update"),
        (STATEFULSETS, {"type": "OnDelete"}, 3, 0, ""),
        (STATEFULSETS, {"rollingUpdate": {"partition": 3}}, 0, 3, "(its partition)"),
        (STATEFULSETS, {"rollingUpdate": {"partition": 1}}, 2, 1, "1 of them with an older"),
        (STATEFULSETS, {"rollingUpdate": {"partition": 0}}, 0, 0, ""),
        (STATEFULSETS, {}, 0, 0, ""),
        (DAEMONSETS, {"type": "OnDelete"}, 1, 2, "(updateStrategy OnDelete)"),
        (DAEMONSETS, {"rollingUpdate": {"partition": 1}}, 1, 0, ""),
        (DEPLOYMENTS, {"type": "OnDelete"}, 0, 0, ""),
    ],
)
def test_pods_of_an_older_template_that_are_kept_on_purpose_are_counted(
    resource: Resource, strategy: dict[str, Any], updated: int, old: int, told: str
) -> None:
    found = {**deployment(updatedReplicas=updated), "kind": resource.kind}
    found["status"] |= {"desiredNumberScheduled": 3, "updatedNumberScheduled": updated}
    found["spec"]["updateStrategy"] = strategy
    assert outdated(found) == old
    said = summary(found)
    assert said.startswith("3 of 3 Pods ready")
    assert (told in said) if told else said == "3 of 3 Pods ready"
