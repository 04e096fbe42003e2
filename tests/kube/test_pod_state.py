"""The state of a Pod that does not serve, in words."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.kube.objects import Object
from resilience.kube.pod_state import State, failures, held, of, restarts_due, waits


def waiting(name: str, reason: str, message: str = "") -> dict[str, Any]:
    return {"name": name, "state": {"waiting": {"reason": reason, "message": message}}}


def pod(conditions: dict[str, str] | None = None, **status: Any) -> Object:
    told = [{"type": kind, "status": value, "message": f"{kind} says so"}
            for kind, value in (conditions or {}).items()]  # fmt: skip
    return {"metadata": {}, "status": {"phase": "Pending", "conditions": told, **status}}


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (pod(), State("Pending and not ready")),
        ({}, State("without status and not ready")),
        (pod({"PodScheduled": "False"}), State("not scheduled (PodScheduled says so)", True)),
        (pod({"PodScheduled": "True"}), State("Pending and not ready")),
        ({**pod({"PodScheduled": "False"}), "spec": {"schedulingGates": [{"name": "a/b"}]}},
         State("not scheduled (nobody has removed its scheduling gates yet: a/b)", True)),
        (
            pod(containerStatuses=[waiting("web", "ErrImagePull", "not found")]),
            State("not ready (web: ErrImagePull: not found)", True),
        ),
        (
            pod(containerStatuses=[waiting("web", "ContainerCreating")]),
            State("not ready (web: ContainerCreating)"),
        ),
        (
            pod(containerStatuses=[waiting("web", "Wait", "Wait")]),
            State("not ready (web: Wait)", True),
        ),
        (
            {"metadata": {"deletionTimestamp": "x"}, "status": {}},
            State("terminating"),
        ),
        (
            {"metadata": {"deletionTimestamp": "x", "finalizers": ["a", "b"]}, "status": {}},
            State("terminating (finalizers: a, b)"),
        ),
        (pod(phase="Succeeded"), State("Succeeded", True)),
        (
            pod(phase="Failed", reason="Evicted", message="low on memory"),
            State("Failed (Evicted: low on memory)", True),
        ),
        (
            pod(phase="Failed", containerStatuses=[
                {"name": "m", "state": {"terminated": {"exitCode": 3, "reason": "Error"}}}
            ]),
            State("Failed (m ended with exit code 3 (Error))", True),
        ),
    ],
)  # fmt: skip
def test_a_state_is_told_with_its_cause(found: Object, state: State) -> None:
    assert of(found) == state


@pytest.mark.parametrize(
    ("ended", "says"),
    [
        ({"exitCode": 1, "reason": "Error"}, "exit code 1 (Error)"),
        ({"exitCode": 0, "reason": "Completed"}, "exit code 0 (Completed)"),
        ({"exitCode": 137, "reason": "OOMKilled"}, "exit code 137 (OOMKilled)"),
        ({}, "back-off 10s"),
    ],
)
def test_a_crash_loop_says_how_it_ended(ended: dict[str, Any], says: str) -> None:
    web = {**waiting("web", "CrashLoopBackOff", "back-off 10s"), "lastState": {"terminated": ended}}
    found = pod(containerStatuses=[{"name": "other"}, web])
    assert of(found) == State(f"not ready (web: CrashLoopBackOff: {says})", crashing=True)


FAILED = {"terminated": {"exitCode": 1, "reason": "Error"}}
ENDED = {"terminated": {"exitCode": 0, "reason": "Completed"}}
RUNS: dict[str, Any] = {"running": {}}
AGAIN = {"state": RUNS, "restartCount": 2}


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ({**AGAIN, "lastState": FAILED}, "restart 2 after exit code 1 (Error)"),
        ({**AGAIN, "lastState": ENDED}, "restart 2 after exit code 0 (Completed)"),
        ({"state": FAILED, "restartCount": 0}, "exit code 1 (Error)"),
    ],
)
@pytest.mark.parametrize("kind", ["initContainerStatuses", "containerStatuses"])
def test_between_two_waits_of_a_crash_loop_the_last_end_is_told(
    kind: str, status: dict[str, Any], says: str
) -> None:
    statuses: dict[str, Any] = {kind: [{"name": "prepare", "ready": False, **status}]}
    found = of(pod(**statuses))
    assert found == State(f"Pending and not ready (prepare: {says})", crashing=True)


@pytest.mark.parametrize(
    "status",
    [
        {"ready": False, "state": ENDED, "restartCount": 0},
        {"ready": True, "lastState": FAILED, **AGAIN},
        {"ready": False, "state": RUNS, "restartCount": 0},
    ],
)
def test_what_works_or_never_ended_explains_nothing(status: dict[str, Any]) -> None:
    found = of(pod(containerStatuses=[{"name": "prepare", **status}]))
    assert found == State("Pending and not ready")


def test_an_init_container_explains_the_containers_that_wait_for_it() -> None:
    found = pod(
        initContainerStatuses=[waiting("init", "CrashLoopBackOff", "back-off 10s")],
        containerStatuses=[waiting("web", "PodInitializing")],
    )
    assert [name for name, _ in waits(found)] == ["init"]
    assert of(found).text == "not ready (init: CrashLoopBackOff: back-off 10s)"


def test_a_gate_is_named_only_once_the_containers_are_ready() -> None:
    found = pod({"ContainersReady": "True", "Open": "True"})
    found["spec"] = {"readinessGates": [{"conditionType": "Open"}, {"conditionType": "Shut"}]}
    assert of(found) == State("not ready (readiness gate Shut is not True)", True)
    found["status"]["conditions"][0]["status"] = "False"
    assert of(found) == State("Pending and not ready")


def test_only_ends_without_success_are_failures() -> None:
    ended = {"terminated": {"exitCode": 3, "reason": "Error"}}
    found = pod(
        initContainerStatuses=[{"name": "init", "state": {"terminated": {"exitCode": 0}}}],
        containerStatuses=[
            {"name": "now", "state": ended},
            {"name": "before", "state": {"waiting": {"reason": "X"}}, "lastState": ended},
            {"name": "bare", "state": {"terminated": {"exitCode": 1}}},
            {"name": "well", "state": {"running": {}}, "lastState": {}},
        ],
    )
    assert failures(found) == [
        "now ended with exit code 3 (Error)",
        "before ended with exit code 3 (Error)",
        "bare ended with exit code 1",
    ]


@pytest.mark.parametrize(
    ("metadata", "state", "told"),
    [
        ({"finalizers": ["a", "b"], "deletionTimestamp": "t"}, {"terminated": {}}, "removed: a, b"),
        ({"finalizers": ["a"], "deletionTimestamp": "t"}, {"running": {}}, ""),
        ({"finalizers": ["a"]}, {"terminated": {}}, ""),
        ({"deletionTimestamp": "t"}, {"terminated": {}}, ""),
    ],
)
def test_finalizers_hold_a_pod_only_once_its_containers_have_ended(
    metadata: dict[str, Any], state: dict[str, Any], told: str
) -> None:
    containers = [{"name": "main", "state": state}]
    found = held({"metadata": metadata, "status": {"containerStatuses": containers}})
    assert found.endswith(told) if told else found == ""


LOOP = {"waiting": {"reason": "CrashLoopBackOff"}}
NEW = {"waiting": {"reason": "ContainerCreating"}}


@pytest.mark.parametrize(
    ("policy", "init", "main", "due"),
    [
        ("Always", ENDED, RUNS, 0),
        ("Always", ENDED, FAILED, 1),
        ("Always", ENDED, ENDED, 1),
        ("Always", ENDED, LOOP, 1),
        ("Always", ENDED, NEW, 0),
        ("Always", FAILED, NEW, 1),
        ("", ENDED, ENDED, 1),
        ("OnFailure", ENDED, ENDED, 0),
        ("OnFailure", ENDED, FAILED, 1),
        ("OnFailure", LOOP, NEW, 1),
        ("Never", FAILED, RUNS, 0),
        ("Never", ENDED, FAILED, 0),
    ],
)
def test_a_container_that_ended_and_is_started_again_is_due(
    policy: str, init: Any, main: Any, due: int
) -> None:
    def of_policy(**metadata: Any) -> Object:
        spec = {"restartPolicy": policy, "containers": [{"name": "main"}]}
        spec["initContainers"] = [{"name": "init"}]
        status = {
            "phase": metadata.pop("phase", "Running"),
            "initContainerStatuses": [{"name": "init", "state": init}],
            "containerStatuses": [{"name": "main", "state": main}],
        }
        return {"metadata": metadata, "spec": spec, "status": status}

    assert restarts_due(of_policy()) == due
    assert restarts_due(of_policy(phase="Failed")) == 0
    assert restarts_due(of_policy(deletionTimestamp="t")) == 0


def test_a_sidecar_of_a_pod_that_runs_once_is_started_again() -> None:
    sidecar = {"name": "log", "restartPolicy": "Always"}
    spec = {"restartPolicy": "Never", "initContainers": [sidecar], "containers": [{"name": "main"}]}
    status = {"initContainerStatuses": [{"name": "log", "state": ENDED}]}
    assert restarts_due({"metadata": {}, "spec": spec, "status": status}) == 1
