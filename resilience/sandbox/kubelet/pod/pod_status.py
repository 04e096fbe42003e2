"""Pod status as the kubelet writes it, computed from container states: pure functions.

Phase rules from `getPhase`, conditions from `pkg/kubelet/status/generate.go` of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from resilience.sandbox.images import catalogue
from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kubelet.pod.container_state import SCHEME, ContainerState

PENDING = "PodResizePending"
OWNED = (
    "PodReadyToStartContainers",
    "Initialized",
    "Ready",
    "ContainersReady",
    "PodScheduled",
)
"""The conditions that are the kubelet's to write; others belong to their own writers."""


def container_status(container: ContainerState) -> Obj:
    """One entry of `containerStatuses` or `initContainerStatuses`."""
    image = container.spec["image"]
    known = catalogue.canonical(image) if container.instance else None
    status: Obj = {
        "name": container.name,
        "state": container.state,
        "lastState": container.last_state,
        "ready": container.ready,
        "restartCount": container.restarts,
        "image": known or image,
        "imageID": "" if known is None else f"sandbox/{known}",
        "started": container.started,
    }
    if container.instance:
        status["containerID"] = SCHEME + container.instance
    if container.instance and container.resources:
        status["resources"] = container.resources
        if container.resources.get("requests"):
            status["allocatedResources"] = container.resources["requests"]
    return status


def phase(spec: Obj, containers: Sequence[ContainerState]) -> str:
    """Pending, Running, Succeeded or Failed, while the Pod is not being deleted."""
    policy = spec.get("restartPolicy", "Always")
    if _initializing(containers):
        failed = any(
            container.role == "init" and container.finished and container.exit_code
            for container in containers
        )
        return "Failed" if failed and policy == "Never" else "Pending"
    mains = [container for container in containers if container.role == "main"]
    if any(container.running for container in mains):
        return "Running"
    never_started = [c for c in mains if "waiting" in c.state and not c.last_state]
    if never_started:
        return "Pending"
    if not all(container.finished for container in mains):
        return "Running"  # in back-off, or about to restart
    return "Failed" if any(container.exit_code for container in mains) else "Succeeded"


def _initializing(containers: Sequence[ContainerState]) -> bool:
    """Whether main containers still have to wait for init containers."""
    if any(c.role == "main" and (c.instance or c.last_state) for c in containers):
        return False
    return not all(map(initialized, containers))


def initialized(container: ContainerState) -> bool:
    """Whether this container lets the next ones start."""
    if container.role == "main":
        return True
    if container.role == "sidecar":
        return container.started
    return container.finished and container.exit_code == 0


def conditions(
    pod: Obj,
    containers: Sequence[ContainerState],
    now_phase: str,
    *,
    has_network: bool,
    now: str,
    held: Obj | None = None,
) -> list[Obj]:
    """The kubelet's conditions, with that of a `held` resize; `lastTransitionTime` moves only when
    the status does."""
    mains = [c for c in containers if c.role != "init"]
    unready = [c.name for c in mains if not c.ready]
    init = [c for c in containers if c.role != "main"]
    incomplete = [c.name for c in init if not initialized(c)]
    begun = any(c.role == "main" and (c.instance or c.last_state) for c in containers)
    initial: tuple[str, str, str] = ("True", "", "")
    if now_phase == "Succeeded":
        initial = ("True", "PodCompleted", "")
    elif incomplete and not begun:
        message = f"containers with incomplete status: [{' '.join(incomplete)}]"
        initial = ("False", "ContainersNotInitialized", message)
    ready = _containers_ready(unready, now_phase)
    found: dict[str, tuple[str, str, str]] = {
        "PodReadyToStartContainers": ("True" if has_network else "False", "", ""),
        "Initialized": initial,
        "Ready": ready if ready[0] == "False" else _gates(pod),
        "ContainersReady": ready,
        "PodScheduled": ("True", "", ""),
    }
    old = {c["type"]: c for c in pod.get("status", {}).get("conditions", [])}
    generation = pod["metadata"].get("generation")
    made = [_condition(kind, *found[kind], old.get(kind), generation, now) for kind in OWNED]
    if held is not None:
        pending = ("True", held["reason"], held["message"])
        made.append(_condition(PENDING, *pending, old.get(PENDING), generation, now))
    elif PENDING in old:
        made.append({"type": PENDING, "$patch": "delete"})
    return made


def _containers_ready(unready: Sequence[str], now_phase: str) -> tuple[str, str, str]:
    if now_phase == "Succeeded":
        return "False", "PodCompleted", ""
    if now_phase == "Failed":
        return "False", "PodFailed", ""
    if unready:
        return (
            "False",
            "ContainersNotReady",
            f"containers with unready status: [{' '.join(unready)}]",
        )
    return "True", "", ""


def _gates(pod: Obj) -> tuple[str, str, str]:
    """Readiness gates: conditions that others write and that must be True as well."""
    given = {c["type"]: c["status"] for c in pod.get("status", {}).get("conditions", [])}
    messages = []
    for gate in pod["spec"].get("readinessGates", []):
        kind = gate["conditionType"]
        if kind not in given:
            messages.append(
                f'corresponding condition of pod readiness gate "{kind}" does not exist.'
            )
        elif given[kind] != "True":
            messages.append(
                f'the status of pod readiness gate "{kind}" is not "True", but {given[kind]}'
            )
    if messages:
        return "False", "ReadinessGatesNotReady", ", ".join(messages)
    return "True", "", ""


def _condition(
    kind: str,
    status: str,
    reason: str,
    message: str,
    old: Mapping[str, Any] | None,
    generation: int | None,
    now: str,
) -> Obj:
    same = old is not None and old["status"] == status
    condition: Obj = {
        "type": kind,
        "status": status,
        "lastProbeTime": None,
        # None of these is merged into an older value: null removes outdated conditions.
        "reason": reason or None,
        "message": message or None,
        "lastTransitionTime": old["lastTransitionTime"] if same and old else now,
    }
    if generation is not None:
        condition["observedGeneration"] = generation
    return condition


def qos_class(spec: Obj) -> str:
    """Guaranteed, Burstable or BestEffort, by the resources of all containers."""
    every = [*spec["containers"], *spec.get("initContainers", [])]
    resources = [container.get("resources", {}) for container in every]
    if not any(r.get("requests") or r.get("limits") for r in resources):
        return "BestEffort"
    for resource in resources:
        limits = resource.get("limits", {})
        requests = {**limits, **resource.get("requests", {})}
        if any(
            name not in limits or requests.get(name) != limits[name] for name in ("cpu", "memory")
        ):
            return "Burstable"
    return "Guaranteed"
