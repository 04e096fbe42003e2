"""What waiting cannot solve is judged in the state that the answer describes, no later one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from resilience.checks import stuck
from resilience.cluster.interface import PODS

MISSING = {
    "reason": "ErrImagePull",
    "message": 'rpc error: "redis:7": not found (the sandbox has httpd, nginx)',
}


def _pod(version: str, waiting: dict[str, str]) -> dict[str, Any]:
    return {
        "metadata": {"name": "p", "uid": "p", "resourceVersion": version},
        "status": {"containerStatuses": [{"state": {"waiting": waiting}}]},
    }


PULLING = _pod("1", {"reason": "ContainerCreating"})
FAILED = _pod("2", MISSING)
BACK = _pod("3", {"reason": "ImagePullBackOff", "message": "Back-off pulling image"})


def _advice(pod: dict[str, Any], *seen: dict[str, Any]) -> list[str]:
    """For a Pod read as `pod` by a check whose watch has received `seen` by now."""

    def history(resource: Any) -> list[Any]:
        found = seen if resource is PODS else ()
        return [SimpleNamespace(object=each, received=0.0) for each in found]

    context = SimpleNamespace(
        namespace="shop",
        clock=SimpleNamespace(monotonic=lambda: 1.0),
        cluster=SimpleNamespace(means=SimpleNamespace(registry=False)),
        history=history,
    )
    return stuck.remedies([pod], context)


def test_a_failure_that_came_after_the_reading_belongs_to_the_next_answer() -> None:
    assert _advice(PULLING, PULLING, FAILED) == []
    assert _advice(FAILED, PULLING, FAILED) == ["correct the image's name, or map it"]


def test_a_back_off_that_lost_the_reason_keeps_it_from_the_state_before() -> None:
    assert _advice(BACK, PULLING, FAILED, BACK) == ["correct the image's name, or map it"]


def test_a_recovery_after_the_reading_takes_nothing_back() -> None:
    started = _pod("4", {})
    assert _advice(BACK, PULLING, FAILED, BACK, started) == ["correct the image's name, or map it"]
    assert _advice(started, PULLING, FAILED, BACK, started) == []
