"""Phase, conditions and container statuses, as the kubelet of 1.36 computes them."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.kubelet.pod import pod_status
from resilience.sandbox.kubelet.pod.container_state import ContainerState
from tests.sandbox.kubelet.pod.states import NOW, ended, pod, running, waiting


@pytest.mark.parametrize(
    ("containers", "policy", "expected"),
    [
        ([waiting()], "Always", "Pending"),
        ([running()], "Always", "Running"),
        ([running("a"), waiting("b")], "Always", "Running"),
        ([waiting("a"), waiting("b")], "Always", "Pending"),
        ([ended(0, finished=False)], "Always", "Running"),
        ([ended(1, finished=False)], "OnFailure", "Running"),
        ([ended(0)], "Never", "Succeeded"),
        ([ended(1)], "Never", "Failed"),
        ([ended(0, "a"), ended(3, "b")], "Never", "Failed"),
        ([ended(0, "a"), running("b")], "Never", "Running"),
        ([running("i", "init"), waiting()], "Always", "Pending"),
        ([ended(0, "i", "init"), running()], "Always", "Running"),
        ([ended(1, "i", "init"), waiting()], "Never", "Failed"),
        ([ended(1, "i", "init", finished=False), waiting()], "Always", "Pending"),
        ([running("s", "sidecar"), ended(0)], "Never", "Succeeded"),
    ],
)
def test_the_states_of_containers_decide_the_phase_of_a_pod(
    containers: list[ContainerState], policy: str, expected: str
) -> None:
    assert pod_status.phase({"restartPolicy": policy}, containers) == expected


def test_a_container_in_back_off_keeps_its_pod_running() -> None:
    crashed = waiting(instance="abc", last_state={"terminated": {"exitCode": 1}})
    assert pod_status.phase({"restartPolicy": "Always"}, [crashed]) == "Running"


def by_type(containers: list[ContainerState], phase: str, obj: Any = None) -> dict[str, Any]:
    found = pod_status.conditions(obj or pod(), containers, phase, has_network=True, now=NOW)
    return {condition["type"]: condition for condition in found}


def test_a_ready_pod_has_all_five_conditions_true() -> None:
    found = by_type([running()], "Running")
    assert {kind: c["status"] for kind, c in found.items()} == dict.fromkeys(
        pod_status.OWNED, "True"
    )


def test_an_unready_container_is_named_in_ready_and_containers_ready() -> None:
    found = by_type([running("a"), running("b", ready=False)], "Running")
    for kind in ("Ready", "ContainersReady"):
        assert found[kind]["status"] == "False"
        assert found[kind]["reason"] == "ContainersNotReady"
        assert found[kind]["message"] == "containers with unready status: [b]"


@pytest.mark.parametrize(
    ("phase", "reason"), [("Succeeded", "PodCompleted"), ("Failed", "PodFailed")]
)
def test_a_terminal_pod_is_not_ready_for_the_reason_of_its_phase(phase: str, reason: str) -> None:
    found = by_type([ended(0)], phase)
    assert (found["Ready"]["status"], found["Ready"]["reason"]) == ("False", reason)


def test_an_init_container_that_runs_leaves_the_pod_uninitialized() -> None:
    found = by_type([running("i", "init", ready=False), waiting()], "Pending")
    assert found["Initialized"]["reason"] == "ContainersNotInitialized"
    assert found["Initialized"]["message"] == "containers with incomplete status: [i]"


def test_a_sidecar_initializes_by_having_started_and_counts_for_ready() -> None:
    found = by_type([running("s", "sidecar", ready=False), running()], "Running")
    assert found["Initialized"]["status"] == "True"
    assert found["Ready"]["message"] == "containers with unready status: [s]"


def test_transition_time_moves_only_with_the_status() -> None:
    old = "2020-01-01T00:00:00Z"
    obj = pod()
    obj["status"]["conditions"] = [
        {"type": "Ready", "status": "True", "lastTransitionTime": old},
        {"type": "ContainersReady", "status": "False", "lastTransitionTime": old},
    ]
    found = by_type([running()], "Running", obj)
    assert found["Ready"]["lastTransitionTime"] == old
    assert found["ContainersReady"]["lastTransitionTime"] == NOW


def test_a_readiness_gate_holds_ready_back_until_its_condition_is_true() -> None:
    obj = pod(readinessGates=[{"conditionType": "x/y"}])
    found = by_type([running()], "Running", obj)
    assert found["ContainersReady"]["status"] == "True"
    assert found["Ready"]["reason"] == "ReadinessGatesNotReady"
    obj["status"]["conditions"] = [{"type": "x/y", "status": "True"}]
    assert by_type([running()], "Running", obj)["Ready"]["status"] == "True"


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, "BestEffort"),
        ({"requests": {"cpu": "1"}}, "Burstable"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}}, "Guaranteed"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}, "Burstable"),
        ({"limits": {"memory": "1Gi"}}, "Burstable"),
    ],
)
def test_requests_and_limits_decide_the_quality_of_service(
    resources: dict[str, Any], expected: str
) -> None:
    spec = {"containers": [{"name": "a", "image": "x", "resources": resources}]}
    assert pod_status.qos_class(spec) == expected


def test_a_container_that_never_started_has_no_ids() -> None:
    found = pod_status.container_status(waiting())
    assert "containerID" not in found
    assert found["imageID"] == ""
    assert found["image"] == "python:3"


def test_a_running_container_tells_its_full_image_name() -> None:
    found = pod_status.container_status(running())
    assert found["containerID"] == "sandbox://abc"
    assert found["image"] == "docker.io/library/python:3"
