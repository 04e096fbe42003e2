"""A Pod resized in place: new requests and limits apply at once, if its node has room for them.
Otherwise the Pod keeps what it has, and its condition PodResizePending says why
(pkg/kubelet/allocation/allocation_manager.go).

The sandbox has no cgroups to change: the memory limit's check uses the new value the next time. A
`resizePolicy` of RestartContainer replaces the instance, as on a real node.
"""

from __future__ import annotations

from collections.abc import Sequence

from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kubelet.pod.admitting import Room, lacks, room_of
from resilience.sandbox.kubelet.pod.container import Container


def held(spec: Obj, node: Obj, others: Sequence[Room]) -> Obj | None:
    """Reason and message of a resize that the node has no room for: `Infeasible` if it never has,
    `Deferred` while others take it. None if it can be made."""
    room = room_of(spec)
    for reason, beside in (("Infeasible", ()), ("Deferred", others)):
        for lack in lacks(room, node, beside):
            return {"reason": reason, "message": str(lack)}
    return None


def is_asked(container: Container, pod: Obj) -> bool:
    """Whether the Pod's object gives `container` other resources than it has."""
    return container.state.resources != (_spec_of(container, pod).get("resources") or {})


def _spec_of(container: Container, pod: Obj) -> Obj:
    every = [*pod["spec"]["containers"], *(pod["spec"].get("initContainers") or [])]
    return next((each for each in every if each["name"] == container.state.name), {})


def take(container: Container, pod: Obj) -> bool:
    """Take over the resources of `container` from the Pod's object; returns whether they
    changed."""
    if not is_asked(container, pod):
        return False
    state, fresh = container.state, _spec_of(container, pod)
    old, new = state.resources, fresh.get("resources") or {}
    state.spec = {**state.spec, "resources": new}
    if state.running and _needs_restart(fresh, old, new):
        container.replace("resize requires restart")
    return True


def _needs_restart(spec: Obj, old: Obj, new: Obj) -> bool:
    """Whether its resizePolicy demands that for a resource that changed."""
    asked = [
        policy["resourceName"]
        for policy in spec.get("resizePolicy") or []
        if policy.get("restartPolicy") == "RestartContainer"
    ]
    parts = ("requests", "limits")
    return any((old.get(p) or {}).get(n) != (new.get(p) or {}).get(n) for n in asked for p in parts)
