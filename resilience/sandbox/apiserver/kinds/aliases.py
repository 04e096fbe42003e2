"""Kinds that are stored in one form and served in two, converted on the way in and out.

Events of core/v1 and of events.k8s.io/v1 (pkg/apis/events/v1/conversion.go), stored in the core
form, and autoscalers of v1, stored as v2 (see `autoscaling`).
"""

from __future__ import annotations

from resilience.sandbox.apiserver.kinds import autoscaling
from resilience.sandbox.kube.api import Obj, Resource

_RENAMED = (
    ("regarding", "involvedObject"),
    ("note", "message"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
)


def is_alias(resource: Resource) -> bool:
    """Whether objects of this resource are stored under another one."""
    return (resource.group, resource.plural) == ("events.k8s.io", "events") or (
        is_old_autoscaler(resource)
    )


def is_old_autoscaler(resource: Resource) -> bool:
    """Whether this is autoscaling/v1."""
    return (resource.api_version, resource.kind) == (autoscaling.V1, "HorizontalPodAutoscaler")


def to_alias(obj: Obj) -> Obj:
    """A stored object in its other form."""
    if obj.get("apiVersion") in (autoscaling.V1, autoscaling.V2):
        return autoscaling.to_v1(obj)
    out = {**obj, "apiVersion": "events.k8s.io/v1"}
    for new, old in _RENAMED:
        if old in out:
            out[new] = out.pop(old)
    return out


def from_alias(obj: Obj, resource: Resource) -> Obj:
    """An object, or the part of one in a patch, in its stored form."""
    if is_old_autoscaler(resource):
        return autoscaling.from_v1(obj)
    out = {**obj, "apiVersion": "v1"}
    for new, old in _RENAMED:
        if new in out:
            out[old] = out.pop(new)
    return out
