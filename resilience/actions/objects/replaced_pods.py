"""How many Pods a changed manifest takes away, by the workload's own status. Pure.

`apply` needs no permission to list Pods, so they are counted and not named: what stands for each
has a uid of its own, and counts towards the limits of a target like a Pod.
"""

from __future__ import annotations

from typing import Any

from resilience.actions.undo.object_undo import differs
from resilience.cluster.interface import (
    DAEMONSETS,
    DEPLOYMENTS,
    REPLICASETS,
    STATEFULSETS,
    Object,
    Resource,
)
from resilience.kube import objects

_ROLLS = (DEPLOYMENTS, STATEFULSETS, DAEMONSETS)
_SCALES = (DEPLOYMENTS, STATEFULSETS, REPLICASETS)


def replaced(resource: Resource, there: Object, body: Object) -> list[Object]:
    """One object for each Pod that a new template replaces, or that a lower number removes."""
    spec, status = body.get("spec") or {}, there.get("status") or {}
    now = status.get("currentNumberScheduled" if resource == DAEMONSETS else "replicas", 0)
    return [
        {
            "kind": "Pod",
            "metadata": {
                "name": f"{objects.name(there)}-{number}",
                "namespace": objects.namespace(there),
                "uid": f"{objects.uid(there)}/{number}",
            },
        }
        for number in range(_count(resource, there, spec, int(now)))
    ]


def _count(resource: Resource, there: Object, spec: dict[str, Any], now: int) -> int:
    before = (there.get("spec") or {}).get("template")
    if resource in _ROLLS and "template" in spec and differs(spec["template"], before):
        return now
    if resource in _SCALES and spec.get("replicas") is not None:
        return max(0, now - int(spec["replicas"]))
    return 0
