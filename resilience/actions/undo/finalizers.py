"""What keeps a deleted object from disappearing: its finalizers, or those of objects that it waits
for.

A Deployment that is deleted with what it owns waits for its Pods, and only shows
`foregroundDeletion`; a namespace waits for everything in it. So Pods are checked as well, and a
namespace's own conditions.
"""

from __future__ import annotations

from resilience.cluster.errors import ApiError, NotFound
from resilience.cluster.interface import NAMESPACES, PODS, Cluster, Object, Resource
from resilience.cluster.transport import MANAGER
from resilience.kube import namespace_deletion, objects
from resilience.kube.clock import of_stamp

LATE = 30.0
"""Seconds beyond its grace period after which a Pod is overdue."""

_CASCADE = frozenset({"foregroundDeletion", "orphan", "kubernetes"})
"""Finalizers that only wait for something else."""


_IN_USE = frozenset({"kubernetes.io/pvc-protection", "kubernetes.io/pv-protection"})
"""Finalizers that a controller removes once nothing uses the object: no Pod the claim, or no claim
the volume (k8s.io/kubernetes/pkg/volume/util, `finalizer.go`)."""


def in_use(obj: Object) -> str:
    """What waits for another undo: the finalizer of an object with users, or what keeps a
    namespace's content; "" for nothing."""
    return namespace_deletion.refused(obj) or next(
        (name for name in _finalizers(obj) if name in _IN_USE), ""
    )


def of(cluster: Cluster, resource: Resource, obj: Object) -> list[str]:
    """What holds the object, as text; never empty."""
    try:
        now = cluster.get(resource, objects.name(obj), objects.namespace(obj))
    except NotFound:
        return ["it has just gone"]
    held = [_told(now, name) for name in _own(now)]
    found = [*held, *stuck(cluster, resource, obj), *namespace_deletion.what_remains(now)]
    waiting = ", ".join(_finalizers(now))
    return found or [f"it waits for what it owns ({waiting})" if waiting else "no finalizer"]


def deleted_for(cluster: Cluster, obj: Object) -> float:
    """Seconds since its deletion was requested, by the API server's clock; 0 if it was not, or if
    that clock cannot be read."""
    text = str(objects.metadata(obj).get("deletionTimestamp") or "")
    if not text:
        return 0.0
    try:  # a Pod's stamp is the end of its grace period
        return max(0.0, cluster.now() - of_stamp(text))
    except ApiError:
        return 0.0


def foreign(obj: Object) -> str:
    """What another controller has to remove before the object goes: its own finalizers, or those
    of a namespace's content; "" for nothing."""
    return namespace_deletion.finalizers_remain(obj) or ", ".join(_own(obj))


def _own(obj: Object) -> list[str]:
    return [name for name in _finalizers(obj) if name not in _CASCADE]


def _told(obj: Object, name: str) -> str:
    """A finalizer of which only its controller knows what is left to do."""
    if name in _IN_USE:
        return f"its finalizer {name} is not removed: something still uses it"
    by = _who_set(obj, name)
    setter = f", set by {by}," if by else ""
    return (
        f"its finalizer {name}{setter} is not removed: its controller has to do that, so see"
        " whether that runs (nobody else may: what it would clean up is left then)"
    )


def _who_set(obj: Object, name: str) -> str:
    """The field manager that the API server recorded; "" if none."""
    for entry in objects.metadata(obj).get("managedFields") or ():
        fields = (entry.get("fieldsV1") or {}).get("f:metadata") or {}
        if f'v:"{name}"' in (fields.get("f:finalizers") or {}):
            manager = str(entry.get("manager", ""))
            return "a manifest of this run" if manager == MANAGER else manager
    return ""


def stuck(cluster: Cluster, resource: Resource, obj: Object) -> list[str]:
    """The object's Pods that are overdue and held by a finalizer."""
    namespace = objects.name(obj) if resource == NAMESPACES else objects.namespace(obj)
    if not namespace:
        return []
    try:
        pods = cluster.list(PODS, namespace)
        now = cluster.now()
    except ApiError:  # no permission to list them; they are only needed for the explanation
        return []
    return [
        f"Pod {objects.title(pod)} is held by its finalizer {name}"
        for pod in pods
        if _is_over(pod, now)
        for name in _finalizers(pod)
        if name not in _CASCADE
    ]


def _is_over(pod: Object, now: float) -> bool:
    """Whether none of the Pod's containers runs any more, or its grace period has long passed."""
    text = str(objects.metadata(pod).get("deletionTimestamp") or "")
    if not text:
        return False
    ended = all(
        "running" not in (each.get("state") or {}) for each in objects.container_statuses(pod)
    )
    return ended or now - of_stamp(text) > LATE


def _finalizers(obj: Object) -> list[str]:
    """Finalizers in the metadata, and for a namespace those in its spec."""
    spec = obj.get("spec") or {}
    return [*(objects.metadata(obj).get("finalizers") or ()), *(spec.get("finalizers") or ())]
