"""Container states for tests of what is computed from them."""

from __future__ import annotations

from typing import Any

from resilience.sandbox.kubelet.pod.container_state import ContainerState, Role

NOW = "2026-01-02T03:04:05Z"


def waiting(name: str = "main", role: Role = "main", **more: Any) -> ContainerState:
    """A container that has not started yet."""
    state = {"waiting": {"reason": "ContainerCreating"}}
    return ContainerState({"name": name, "image": "python:3"}, role, state=state, **more)


def running(
    name: str = "main", role: Role = "main", *, ready: bool = True, **more: Any
) -> ContainerState:
    """A container that runs."""
    return ContainerState(
        {"name": name, "image": "python:3"},
        role,
        state={"running": {"startedAt": NOW}},
        instance="abc",
        ready=ready,
        started=True,
        **more,
    )


def ended(
    code: int, name: str = "main", role: Role = "main", *, finished: bool = True, **more: Any
) -> ContainerState:
    """A container whose last instance ended."""
    return ContainerState(
        {"name": name, "image": "python:3"},
        role,
        state={"terminated": {"exitCode": code, "reason": "Error" if code else "Completed"}},
        instance="abc",
        finished=finished,
        **more,
    )


def pod(**spec: Any) -> dict[str, Any]:
    """A Pod object."""
    return {
        "metadata": {"name": "web", "namespace": "default", "uid": "u1", "generation": 1},
        "spec": {"containers": [{"name": "main", "image": "python:3"}], **spec},
        "status": {},
    }
