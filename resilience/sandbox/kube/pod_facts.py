"""Facts about one Pod that several controllers need, as pure functions.

Sources: pkg/api/v1/pod/util.go (ready, available) and pkg/controller/controller_utils.go (active,
terminating) of Kubernetes 1.36.
"""

from __future__ import annotations

from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.object_edits import condition, is_deleting, is_true
from resilience.sandbox.kube.times import parse_or_zero

TERMINAL = frozenset({"Succeeded", "Failed"})


def phase_of(pod: Obj) -> str:
    """`status.phase`, "Pending" while there is none."""
    phase: str = (pod.get("status") or {}).get("phase") or "Pending"
    return phase


def node_of(pod: Obj) -> str:
    """`spec.nodeName`, "" while unassigned."""
    node: str = pod["spec"].get("nodeName") or ""
    return node


def is_terminal(pod: Obj) -> bool:
    """Succeeded or Failed: its containers will not run again."""
    return phase_of(pod) in TERMINAL


def is_active(pod: Obj) -> bool:
    """Neither terminal nor being deleted: counts as a replica."""
    return not is_terminal(pod) and not is_deleting(pod)


def is_terminating(pod: Obj) -> bool:
    """Being deleted while its containers may still run."""
    return is_deleting(pod) and not is_terminal(pod)


def is_ready(pod: Obj) -> bool:
    """Whether the Ready condition is True, in any phase."""
    return is_true(pod, "Ready")


def ready_since(pod: Obj) -> float:
    """When Ready last became True; 0.0 when it is not."""
    entry = condition(pod, "Ready")
    if entry is None or entry.get("status") != "True":
        return 0.0
    return parse_or_zero(entry.get("lastTransitionTime"))


def available_in(pod: Obj, min_ready_seconds: int, now: float) -> float | None:
    """Seconds until the Pod counts as available; 0.0 when it does, None when it is not ready."""
    if not is_ready(pod):
        return None
    if min_ready_seconds <= 0:
        return 0.0
    return max(0.0, ready_since(pod) + min_ready_seconds - now)


def is_available(pod: Obj, min_ready_seconds: int, now: float) -> bool:
    """Ready for at least `min_ready_seconds`."""
    return available_in(pod, min_ready_seconds, now) == 0.0


def restarts(pod: Obj) -> tuple[int, int]:
    """Highest restart count of the regular containers, and of the sidecars."""
    status = pod.get("status") or {}
    sidecars = {
        container["name"]
        for container in pod["spec"].get("initContainers") or ()
        if container.get("restartPolicy") == "Always"
    }
    regular = max(
        (c.get("restartCount", 0) for c in status.get("containerStatuses") or ()), default=0
    )
    side = max(
        (
            c.get("restartCount", 0)
            for c in status.get("initContainerStatuses") or ()
            if c.get("name") in sidecars
        ),
        default=0,
    )
    return regular, side


def is_made_for(claim: Obj, pod: Obj) -> bool:
    """Whether the claim of an ephemeral volume was made for this very Pod."""
    owners = claim["metadata"].get("ownerReferences") or ()
    uid = pod["metadata"]["uid"]
    return any(owner["uid"] == uid and owner.get("controller") for owner in owners)
