"""Kinds that one storage serves under two names: Events of core/v1 and of events.k8s.io/v1.

Source: pkg/apis/events/v1/conversion.go. Stored in the core form; converted at the door.
"""

from __future__ import annotations

from resilience.sandbox.api import Obj, Resource

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
    return (resource.group, resource.plural) == ("events.k8s.io", "events")


def to_alias(obj: Obj) -> Obj:
    """A stored Event as events.k8s.io/v1 shows it."""
    out = {**obj, "apiVersion": "events.k8s.io/v1"}
    for new, old in _RENAMED:
        if old in out:
            out[new] = out.pop(old)
    return out


def from_alias(obj: Obj) -> Obj:
    """An events.k8s.io/v1 Event as it is stored."""
    out = {**obj, "apiVersion": "v1"}
    for new, old in _RENAMED:
        if new in out:
            out[old] = out.pop(new)
    return out
