"""The kubelet's record of one Pod's containers while it runs them: plain mutable records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from resilience.sandbox.kube.api import Obj

SCHEME = "sandbox://"
UNKNOWN_RESTART_CODE = 255
Role = Literal["init", "sidecar", "main", "ephemeral"]


def role_of(spec: Obj, *, init: bool) -> Role:
    """A restartable init container is a sidecar."""
    if not init:
        return "main"
    return "sidecar" if spec.get("restartPolicy") == "Always" else "init"


@dataclass(slots=True)
class ContainerState:
    """One container. `state` and `last_state` are in the form of `containerStatuses`."""

    spec: Obj
    role: Role
    state: dict[str, Any] = field(default_factory=dict)
    last_state: dict[str, Any] = field(default_factory=dict)
    instance: str = ""
    """The container id without its scheme; also the name on the zygote's channel."""
    restarts: int = 0
    ready: bool = False
    started: bool = False
    began: float = 0.0
    """Real monotonic time when the current instance started."""
    finished: bool = False
    """Whether it has ended and will not start again."""

    def recall(self, pod: Obj, now: str) -> None:
        """The node was dead: a container that ran before counts as restarted now."""
        old = pod.get("status", {})
        every = [*old.get("containerStatuses", []), *old.get("initContainerStatuses", [])]
        before: Obj = next((entry for entry in every if entry["name"] == self.name), {})
        if not before.get("containerID"):
            return
        self.restarts = before["restartCount"]
        self.instance = before["containerID"].removeprefix(SCHEME)
        self.last_state = {
            "terminated": {
                "exitCode": UNKNOWN_RESTART_CODE,
                "reason": "Unknown",
                "startedAt": before["state"].get("running", {}).get("startedAt"),
                "finishedAt": now,
                "containerID": before["containerID"],
            }
        }

    @property
    def resources(self) -> Obj:
        """Requests and limits, at present."""
        found: Obj = self.spec.get("resources") or {}
        return found

    @property
    def name(self) -> str:
        """The container's name."""
        return str(self.spec["name"])

    @property
    def running(self) -> bool:
        """Whether an instance runs now."""
        return "running" in self.state

    @property
    def exit_code(self) -> int | None:
        """The state of the last instance, if it has ended."""
        terminated = self.state.get("terminated")
        return None if terminated is None else int(terminated["exitCode"])

    @property
    def field_path(self) -> str:
        """The container's name in Events."""
        kinds = {"main": "containers", "ephemeral": "ephemeralContainers"}
        kind = kinds.get(self.role, "initContainers")
        return f"spec.{kind}{{{self.name}}}"
