"""Why a Pod does not serve, in words."""

from __future__ import annotations

import pytest

from resilience.checks.events import about_unready
from resilience.cluster.interface import Object, WatchEvent


class NoEvents:
    """A context whose watch has seen no Event."""

    def history(self, _: object) -> list[object]:
        return []


def pod(**conditions: str) -> Object:
    found = [{"type": key, "status": value} for key, value in conditions.items()]
    return {
        "metadata": {"name": "web", "namespace": "shop", "uid": "1"},
        "spec": {"readinessGates": [{"conditionType": "Balancer"}, {"conditionType": "Other"}]},
        "status": {"phase": "Running", "conditions": found},
    }


@pytest.mark.parametrize(
    ("conditions", "says"),
    [
        ({"ContainersReady": "True"}, "not ready (readiness gate Balancer, Other is not True)"),
        (
            {"ContainersReady": "True", "Balancer": "True", "Other": "False"},
            "not ready (readiness gate Other is not True)",
        ),
        ({"ContainersReady": "False"}, "Running and not ready"),
    ],
)
def test_a_readiness_gate_that_nobody_opened_is_named(
    conditions: dict[str, str], says: str
) -> None:
    (said,) = about_unready([pod(**conditions)], NoEvents())  # type: ignore[arg-type]
    assert said == f"shop/web is {says}"


def test_a_crash_loop_is_explained_by_the_last_warning_that_is_no_back_off() -> None:
    def event(kind: str, reason: str, message: str) -> WatchEvent:
        about = {"uid": "a"}
        told = {"type": kind, "reason": reason, "message": message, "involvedObject": about}
        return WatchEvent("ADDED", told, 0.0)

    class Events:
        def history(self, _: object) -> list[WatchEvent]:
            return [
                event("Warning", "FailedPostStartHook", "PostStartHook failed"),
                event("Normal", "Started", "Container started"),
                event("Warning", "BackOff", "Back-off restarting failed container"),
            ]

    state = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
    looping = {**named("a", ""), "status": {"containerStatuses": [{"name": "web", "state": state}]}}
    (said,) = about_unready([looping], Events())  # type: ignore[arg-type]
    assert said.endswith(", last Event FailedPostStartHook: PostStartHook failed")


def test_what_the_same_can_be_said_of_is_said_once() -> None:
    alike = [named(name, "not found") for name in ("a", "b", "d")]
    pods = [*alike, named("c", "timed out")]
    first, second, _ = about_unready(pods, NoEvents())  # type: ignore[arg-type]
    assert first == "shop/a, shop/b are not ready (web: ErrImagePull: not found)"
    assert second == "shop/c is not ready (web: ErrImagePull: timed out)"


def test_what_failed_comes_last_and_what_ended_well_is_not_told() -> None:
    old = {**named("a", ""), "status": {"phase": "Failed", "reason": "Evicted"}}
    done = {**named("b", ""), "status": {"phase": "Succeeded"}}
    found = about_unready([old, done, named("c", "not found")], NoEvents())  # type: ignore[arg-type]
    assert found == [
        "shop/c is not ready (web: ErrImagePull: not found)",
        "shop/a is Failed (Evicted)",
    ]


def named(name: str, message: str) -> Object:
    state = {"waiting": {"reason": "ErrImagePull", "message": message}}
    return {
        "metadata": {"name": name, "namespace": "shop", "uid": name},
        "status": {"phase": "Pending", "containerStatuses": [{"name": "web", "state": state}]},
    }
