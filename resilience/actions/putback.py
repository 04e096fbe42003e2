"""The inverse of creating and of changing an object, as data for the journal and as its execution.

A creation is undone by deleting that very object (by uid; by the run's mark where the answer with
the uid was lost) and waiting until it is gone with everything it owns. A change is undone by
writing the prior content back over whatever version is there now. Safe to repeat.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from resilience.cluster import objects
from resilience.cluster.errors import Conflict, NotFound
from resilience.cluster.interface import Object, Resource
from resilience.context import ActionFailed, UndoContext

RUN = "resilience/run"
"""Annotation on what a run created; the value is the run's id."""

FIRST_LOOK, LAST_LOOK = 0.03, 0.5
"""Seconds between two looks whether a deleted object is gone: a twentieth of the time waited so
far, within these."""

_SERVERS_OWN = (
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "managedFields",
    "selfLink",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)


def creation(resource: Resource, body: Object, run: str) -> dict[str, Any]:
    """Recorded before an object is created; its uid is added afterwards."""
    return {
        "kind": "created",
        "resource": _resource(resource),
        "run": run,
        "namespace": objects.namespace(body),
        "name": objects.name(body),
    }


def change(resource: Resource, prior: Object) -> dict[str, Any]:
    """Recorded before an object is changed: all of it but what the server itself writes."""
    return {
        "kind": "changed",
        "resource": _resource(resource),
        "uid": objects.uid(prior),
        "prior": content(prior),
    }


def content(obj: Object) -> Object:
    """An object without status and without the server's own metadata."""
    metadata = {
        key: value for key, value in objects.metadata(obj).items() if key not in _SERVERS_OWN
    }
    return {key: value for key, value in obj.items() if key != "status"} | {"metadata": metadata}


def differs(wanted: Any, there: Any) -> bool:
    """Whether `there` lacks something of `wanted`; what the server has added does not count."""
    if isinstance(wanted, Mapping):
        return not isinstance(there, Mapping) or any(
            differs(value, there.get(key)) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            not isinstance(there, list)
            or len(there) != len(wanted)
            or any(differs(a, b) for a, b in zip(wanted, there, strict=True))
        )
    return bool(wanted != there)


def undo(data: Mapping[str, Any], context: UndoContext) -> None:
    """Carry out what `creation` or `change` recorded."""
    resource = Resource(**data["resource"])
    if data["kind"] == "created":
        _delete(resource, data, context)
    else:
        _restore(resource, data, context)


def _delete(resource: Resource, data: Mapping[str, Any], context: UndoContext) -> None:
    name, namespace = str(data["name"]), str(data["namespace"])
    try:
        there = context.cluster.get(resource, name, namespace)
        if not _is_ours(there, data):
            return
        if not objects.is_terminating(there):
            context.cluster.delete(
                resource, name, namespace, uid=objects.uid(there), propagation="Foreground"
            )
    except (NotFound, Conflict):
        return
    _wait_until_gone(resource, there, context)


def _wait_until_gone(resource: Resource, obj: Object, context: UndoContext) -> None:
    began = context.clock.monotonic()
    while _is_there(resource, obj, context):
        waited = context.clock.monotonic() - began
        pause = min(LAST_LOOK, max(FIRST_LOOK, waited / 20))
        if began + waited + pause > context.deadline:
            raise ActionFailed(
                f"{resource.kind} {objects.title(obj)} was deleted, but is still "
                f"there ({_why(resource, obj, context)})"
            )
        context.clock.wait(pause)


def _is_there(resource: Resource, obj: Object, context: UndoContext) -> bool:
    try:
        now = context.cluster.get(resource, objects.name(obj), objects.namespace(obj))
    except NotFound:
        return False
    return objects.uid(now) == objects.uid(obj)


def _why(resource: Resource, obj: Object, context: UndoContext) -> str:
    now = context.cluster.get(resource, objects.name(obj), objects.namespace(obj))
    finalizers = [
        *(objects.metadata(now).get("finalizers") or ()),
        *((now.get("spec") or {}).get("finalizers") or ()),
    ]
    return f"finalizers: {', '.join(finalizers)}" if finalizers else "no finalizer"


def _is_ours(obj: Object, data: Mapping[str, Any]) -> bool:
    if data.get("uid"):
        return objects.uid(obj) == str(data["uid"])
    return objects.annotation(obj, RUN) == str(data["run"])


def _restore(resource: Resource, data: Mapping[str, Any], context: UndoContext) -> None:
    prior = dict(data["prior"])
    name, namespace = objects.name(prior), objects.namespace(prior)
    while True:
        try:
            there = context.cluster.get(resource, name, namespace)
        except NotFound as error:
            raise ActionFailed(
                f"{resource.kind} {objects.title(prior)} is gone, and it was there before the run"
            ) from error
        if objects.uid(there) != data["uid"]:
            raise ActionFailed(
                f"{resource.kind} {objects.title(prior)} is another object by now "
                "(its uid differs); it is left as it is"
            )
        if not differs(prior, there) and not differs(content(there), prior):
            return
        version = {"resourceVersion": objects.metadata(there)["resourceVersion"]}
        try:
            context.cluster.replace(resource, prior | {"metadata": prior["metadata"] | version})
            return
        except Conflict:
            if context.clock.monotonic() > context.deadline:
                raise


def _resource(resource: Resource) -> dict[str, Any]:
    return {
        "group": resource.group,
        "version": resource.version,
        "plural": resource.plural,
        "kind": resource.kind,
        "namespaced": resource.namespaced,
    }
