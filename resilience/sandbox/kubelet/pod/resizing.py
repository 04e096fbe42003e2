"""A Pod resized in place: new requests and limits apply at once.

The sandbox has no cgroups to change: the memory limit's check uses the new value the next time. A
`resizePolicy` of RestartContainer replaces the instance, as on a real node.
"""

from __future__ import annotations

from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kubelet.pod.container import Container


def take(container: Container, pod: Obj) -> bool:
    """Take over the resources of `container` from the Pod's object; returns whether they
    changed."""
    state = container.state
    every = [*pod["spec"]["containers"], *(pod["spec"].get("initContainers") or [])]
    fresh: Obj = next((c for c in every if c["name"] == state.name), {})
    old, new = state.resources, fresh.get("resources") or {}
    if old == new:
        return False
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
