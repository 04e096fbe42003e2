"""What `ready: all` looks at: every Pod, whoever owns it, and what each workload wants."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.cluster.interface import Object
from resilience.cluster.survey import Survey, survey

COUNTED = {
    "Deployment": ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"),
    "ReplicaSet": ("replicas", "readyReplicas", "availableReplicas"),
    "StatefulSet": ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"),
    "ReplicationController": ("replicas", "readyReplicas", "availableReplicas"),
    "DaemonSet": (
        "desiredNumberScheduled",
        "updatedNumberScheduled",
        "numberReady",
        "numberAvailable",
    ),
}


def owned(kind: str, uid: str) -> dict[str, Any]:
    return {"ownerReferences": [{"kind": kind, "name": uid, "uid": uid, "controller": True}]}


def pod(name: str, owner: tuple[str, str] | None = None, **more: Any) -> Object:
    ready, phase = more.pop("ready", True), more.pop("phase", "Running")
    metadata = {"name": name, "namespace": "shop", "uid": name, **more}
    if owner:
        metadata |= owned(*owner)
    conditions = [{"type": "Ready", "status": str(ready)}]
    return {
        "kind": "Pod",
        "metadata": metadata,
        "status": {"phase": phase, "conditions": conditions},
    }


def workload(
    kind: str, uid: str, replicas: int = 1, ready: int | None = None, **meta: Any
) -> Object:
    status: dict[str, Any] = {field: replicas for field in COUNTED[kind]}
    status["observedGeneration"] = 1
    if ready is not None:
        status |= {field: ready for field in COUNTED[kind] if "eady" in field or "vail" in field}
    metadata = {"name": uid, "namespace": "shop", "uid": uid, "generation": 1, **meta}
    return {"kind": kind, "metadata": metadata, "spec": {"replicas": replicas}, "status": status}


def job(uid: str, *conditions: str, **meta: Any) -> Object:
    status = {"conditions": [{"type": each, "status": "True"} for each in conditions]}
    metadata = {"name": uid, "namespace": "shop", "uid": uid, **meta}
    return {"kind": "Job", "metadata": metadata, "spec": {}, "status": status}


def missing(found: Survey) -> list[str]:
    return [each.workload["metadata"]["name"] for each in found.short] + [
        each["metadata"]["name"] for each in found.unready
    ]


@pytest.mark.parametrize("kind", sorted(COUNTED))
def test_a_workload_of_any_kind_has_to_have_its_pods(kind: str) -> None:
    whole = survey([workload(kind, "w")], [pod("a", (kind, "w"))])
    assert whole.ready
    assert [each["metadata"]["name"] for each in whole.complete] == ["w"]
    assert missing(
        survey([workload(kind, "w", ready=0)], [pod("a", (kind, "w"), ready=False)])
    ) == ["w"]
    assert missing(survey([workload(kind, "w")], [])) == ["w"]


def test_a_deployment_is_counted_once_over_its_replicasets() -> None:
    sets = [
        workload("ReplicaSet", "new", **owned("Deployment", "d")),
        workload("ReplicaSet", "old", 0, **owned("Deployment", "d")),
    ]
    found = survey([workload("Deployment", "d"), *sets], [pod("a", ("ReplicaSet", "new"))])
    assert found.ready
    assert [each["metadata"]["name"] for each in found.complete] == ["d"]


@pytest.mark.parametrize("owner", [None, ("GameServer", "g")], ids=["bare", "unknown owner"])
def test_a_pod_of_no_known_workload_has_to_be_ready(owner: tuple[str, str] | None) -> None:
    assert survey([], [pod("a", owner)]).ready
    assert missing(survey([], [pod("a", owner, ready=False)])) == ["a"]
    assert missing(survey([], [pod("a", owner, phase="Pending", ready=False)])) == ["a"]
    assert missing(survey([], [pod("a", owner, deletionTimestamp="x")])) == ["a"]


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_finished_pod_is_not_looked_at(phase: str) -> None:
    found = survey([], [pod("a", phase=phase, ready=False)])
    assert found.ready
    assert found.empty


def test_a_pod_that_terminates_is_replaced_by_its_workload() -> None:
    pods = [pod("a", ("ReplicaSet", "r")), pod("b", ("ReplicaSet", "r"), deletionTimestamp="x")]
    assert survey([workload("ReplicaSet", "r")], pods).ready


def test_a_surplus_pod_that_is_not_ready_is_missed() -> None:
    pods = [pod("a", ("ReplicaSet", "r")), pod("b", ("ReplicaSet", "r"), ready=False)]
    assert missing(survey([workload("ReplicaSet", "r")], pods)) == ["b"]


def test_a_job_that_runs_has_to_have_its_pod() -> None:
    assert missing(survey([job("j")], [])) == ["j"]
    assert missing(survey([job("j")], [pod("a", ("Job", "j"), ready=False)])) == ["j"]
    assert survey([job("j")], [pod("a", ("Job", "j"))]).ready


def test_a_job_that_ended_is_history_unless_it_failed_by_itself() -> None:
    assert survey([job("j", "Complete")], []).ready
    assert missing(survey([job("j", "Failed")], [])) == ["j"]
    assert survey([job("j", "Failed", **owned("CronJob", "c"))], []).ready


def test_what_wants_no_pods_is_ready_and_proves_nothing() -> None:
    found = survey([workload("Deployment", "d", 0)], [])
    assert found.ready
    assert found.empty


def test_our_own_helpers_are_not_looked_at() -> None:
    label = {"app.kubernetes.io/managed-by": "pytest-resilience"}
    assert survey([], [pod("a", ready=False, labels=label)]).empty
