"""Reading and editing raw API objects: metadata, owners, conditions.

Nothing here changes an object in place; a changed object is returned as a new mapping that shares
the untouched parts, as `resilience.sandbox.kube.api` demands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from resilience.sandbox.kube.api import Obj, Resource
from resilience.sandbox.kube.selector_index import Key
from resilience.sandbox.kube.times import stamp

Status = Literal["True", "False", "Unknown"]


def key_of(obj: Obj) -> Key:
    """Namespace ("" when cluster-scoped) and name."""
    metadata = obj["metadata"]
    return (metadata.get("namespace", ""), metadata["name"])


def uid_of(obj: Obj) -> str:
    """The object's uid."""
    uid: str = obj["metadata"]["uid"]
    return uid


def labels_of(obj: Obj) -> dict[str, str]:
    """Labels, {} when there are none."""
    labels: dict[str, str] = obj["metadata"].get("labels") or {}
    return labels


def annotations_of(obj: Obj) -> dict[str, str]:
    """Annotations, {} when there are none."""
    annotations: dict[str, str] = obj["metadata"].get("annotations") or {}
    return annotations


def finalizers_of(obj: Obj) -> list[str]:
    """Finalizers, [] when there are none."""
    finalizers: list[str] = obj["metadata"].get("finalizers") or []
    return finalizers


def is_deleting(obj: Obj) -> bool:
    """Whether deletion has begun."""
    return bool(obj["metadata"].get("deletionTimestamp"))


def controller_of(obj: Obj) -> Mapping[str, Any] | None:
    """The owner reference with `controller: true`, if any (metav1.GetControllerOf)."""
    for reference in obj["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            found: Mapping[str, Any] = reference
            return found
    return None


def is_controlled_by(obj: Obj, owner: Obj) -> bool:
    """Whether `owner` is the object's controller; identity is the uid alone."""
    reference = controller_of(obj)
    return reference is not None and reference["uid"] == owner["metadata"]["uid"]


def owner_key(obj: Obj, resource: Resource) -> Key | None:
    """Key of the object's controller when that is of the given kind."""
    reference = controller_of(obj)
    if reference is None or reference["kind"] != resource.kind:
        return None
    if reference["apiVersion"].partition("/")[0 if resource.group else 2] != resource.group:
        return None
    return (obj["metadata"].get("namespace", ""), reference["name"])


def controller_reference(owner: Obj, resource: Resource) -> dict[str, Any]:
    """The reference that a controller sets on objects that it creates (metav1.NewControllerRef)."""
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def with_status(obj: Obj, status: Mapping[str, Any]) -> Obj:
    """The object with another status, ready for `update(..., "status")`."""
    return {**obj, "status": dict(status)}


def condition(obj_or_status: Mapping[str, Any], type: str) -> Mapping[str, Any] | None:
    """The condition of a type, from a whole object or from its status."""
    status = obj_or_status.get("status", obj_or_status)
    for entry in (status or {}).get("conditions") or ():
        if entry.get("type") == type:
            found: Mapping[str, Any] = entry
            return found
    return None


def is_true(obj: Mapping[str, Any], type: str) -> bool:
    """Whether a condition exists with status "True"."""
    entry = condition(obj, type)
    return entry is not None and entry.get("status") == "True"


def set_condition(
    conditions: Sequence[Mapping[str, Any]],
    type: str,
    status: Status,
    reason: str,
    message: str,
    now: float,
    **more: Any,
) -> list[Mapping[str, Any]]:
    """Conditions with one set; `lastTransitionTime` moves only when the status flips."""
    old = next((entry for entry in conditions if entry.get("type") == type), None)
    moved = old is None or old.get("status") != status
    new = {
        "type": type,
        "status": status,
        "lastTransitionTime": stamp(now) if moved or old is None else old["lastTransitionTime"],
        "reason": reason,
        "message": message,
        **more,
    }
    if old is None:
        return [*conditions, new]
    return [new if entry is old else entry for entry in conditions]


def drop_condition(conditions: Sequence[Mapping[str, Any]], type: str) -> list[Mapping[str, Any]]:
    """Conditions without one type."""
    return [entry for entry in conditions if entry.get("type") != type]
