"""What is missing until a workload is complete: pure."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.checks.rollout import missing
from resilience.cluster.interface import DAEMONSETS, DEPLOYMENTS, JOBS, STATEFULSETS, Object


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
def test_each_number_of_the_status_counts(status: dict[str, int], said: str) -> None:
    assert said in missing(DEPLOYMENTS, deployment(**status), pods(3))


def test_a_status_of_before_the_delete_proves_nothing() -> None:
    """Seen on a real cluster: 4 ms after a DELETE the status still said 3 of 3."""
    assert "2 serving by our own watch" in missing(DEPLOYMENTS, deployment(), pods(2, 1))


def test_a_deployment_of_zero_is_not_ready() -> None:
    nothing = deployment(replicas=0, updatedReplicas=0, readyReplicas=0, availableReplicas=0)
    nothing["spec"]["replicas"] = 0
    assert "prove nothing" in missing(DEPLOYMENTS, nothing, [])


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
