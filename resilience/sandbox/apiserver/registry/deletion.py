"""The effect of a DELETE on an object: removed at once, or marked for deletion.

Sources: k8s.io/apiserver/pkg/registry/rest/delete.go, registry/generic/registry/store.go
(`deletionFinalizersForGarbageCollection`), pkg/registry/core/pod/strategy.go (grace), and
pkg/registry/core/namespace/storage/storage.go. Pure: object in, decision out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from resilience.sandbox.host.sandbox_clock import parse_stamp, stamp
from resilience.sandbox.kube.api import Obj, Resource

Propagation = Literal["Background", "Foreground", "Orphan"]
ORPHAN = "orphan"
FOREGROUND = "foregroundDeletion"
DEFAULT_GRACE = 30


@dataclass(frozen=True, slots=True)
class Deletion:
    """`obj` is the new state (the same object when nothing changes); `remove` ends it."""

    obj: Obj
    remove: bool


def decide(
    resource: Resource,
    obj: Obj,
    *,
    grace: int | None,
    propagation: Propagation | None,
    now: float,
) -> Deletion:
    """The decision for one DELETE. The caller has checked preconditions."""
    obj = _with_finalizers(resource, obj, propagation)
    if (resource.group, resource.plural) == ("", "namespaces"):
        return _namespace(obj, now)
    if (resource.group, resource.plural) == ("", "pods"):
        return _pod(obj, grace, now)
    if not obj["metadata"].get("finalizers"):
        return Deletion(obj, remove=True)
    return Deletion(marked(obj, 0, now, bump="generation" in obj["metadata"]), remove=False)


def finished(resource: Resource, obj: Obj) -> bool:
    """Whether a marked object may be removed now: it has no finalizer, grace period or namespace
    content left."""
    metadata = obj["metadata"]
    if "deletionTimestamp" not in metadata or metadata.get("finalizers"):
        return False
    if (resource.group, resource.plural) == ("", "namespaces"):
        return not (obj.get("spec") or {}).get("finalizers")
    return not metadata.get("deletionGracePeriodSeconds")


def marked(obj: Obj, grace: int, now: float, *, bump: bool) -> Obj:
    """A copy with the deletion marks, unless an earlier DELETE set a mark at least as early."""
    metadata = dict(obj["metadata"])
    if "deletionTimestamp" in metadata:
        if metadata.get("deletionGracePeriodSeconds", 0) <= grace:
            return obj
        earlier = metadata["deletionGracePeriodSeconds"] - grace
        moment = parse_stamp(metadata["deletionTimestamp"]) - earlier
        metadata["deletionTimestamp"] = stamp(moment)
    else:
        metadata["deletionTimestamp"] = stamp(now + grace)
        if bump:
            metadata["generation"] = int(metadata.get("generation", 0)) + 1
    metadata["deletionGracePeriodSeconds"] = grace
    return {**obj, "metadata": metadata}


def _with_finalizers(resource: Resource, obj: Obj, propagation: Propagation | None) -> Obj:
    """The finalizers that request orphaning or foreground deletion from the garbage collector."""
    before = list(obj["metadata"].get("finalizers") or ())
    default: Propagation = (
        "Orphan" if (resource.group, resource.plural) == ("batch", "jobs") else "Background"
    )
    if propagation is None:
        # An earlier request's finalizer stays in force when this one sets none.
        wanted = {name for name in before if name in (ORPHAN, FOREGROUND)}
        if not wanted and default == "Orphan":
            wanted = {ORPHAN}
    else:
        wanted = {"Orphan": {ORPHAN}, "Foreground": {FOREGROUND}}.get(propagation, set())
    after = [name for name in before if name not in (ORPHAN, FOREGROUND) or name in wanted]
    after += sorted(wanted - set(after))
    if after == before:
        return obj
    metadata = {**obj["metadata"], "finalizers": after}
    if not after:
        del metadata["finalizers"]
    return {**obj, "metadata": metadata}


def _namespace(obj: Obj, now: float) -> Deletion:
    spec = obj.get("spec") or {}
    if not spec.get("finalizers") and not obj["metadata"].get("finalizers"):
        return Deletion(obj, remove=True)
    obj = marked(obj, 0, now, bump=False)
    metadata = dict(obj["metadata"])
    metadata.pop("deletionGracePeriodSeconds", None)
    status = {**(obj.get("status") or {}), "phase": "Terminating"}
    return Deletion({**obj, "metadata": metadata, "status": status}, remove=False)


def _pod(obj: Obj, grace: int | None, now: float) -> Deletion:
    """Grace from the option, else the spec; 0 if no kubelet has the Pod or it has ended."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    if grace is None:
        declared = spec.get("terminationGracePeriodSeconds")
        grace = DEFAULT_GRACE if declared is None else int(declared)
    if not spec.get("nodeName") or status.get("phase") in ("Succeeded", "Failed"):
        grace = 0
    if grace < 0:
        grace = 1
    obj = marked(obj, grace, now, bump=True)
    metadata = obj["metadata"]
    still = metadata.get("finalizers") or metadata["deletionGracePeriodSeconds"]
    return Deletion(obj, remove=not still)
