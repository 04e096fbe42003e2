"""The inverse of creating an object, as data for the journal and as its execution.

A creation is undone by deleting that very object (by uid; by the run's mark where the answer with
the uid was lost) and waiting until it is gone with everything it owns, and with the claims that a
StatefulSet leaves. It is not deleted if someone else's work would be lost: they removed the mark,
edited it, or put something of their own into a namespace that the run created. A change is undone
by `reverting`. Idempotent.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from resilience.actions.undo import finalizers, namespace_users, reverting, set_claims
from resilience.actions.undo.changed_fields import content as content
from resilience.actions.undo.changed_fields import differs as differs
from resilience.actions.undo.hastening import hasten
from resilience.actions.undo.human_fields import of as essential
from resilience.actions.undo.reverting import RUN as RUN
from resilience.actions.undo.reverting import described
from resilience.cluster.errors import Conflict, NotFound
from resilience.cluster.interface import CLAIMS, NAMESPACES, Object, Resource
from resilience.kube import objects
from resilience.verbs.context import ActionFailed, ChangedSince, Held, InUse, UndoContext

FIRST_LOOK, LAST_LOOK = 0.03, 0.5
"""Limits, in seconds, of the interval between two checks whether a deleted object is gone; the
interval is a twentieth of the time waited so far."""

FIRST_HURRY = 0.1
"""Seconds after which Pods that go with the object are first looked for; then after twice as
long each time, because a controller deletes them one after the other."""

HELD = 2.0
"""Seconds after which an object that a foreign finalizer holds is no longer awaited alone."""

PATIENCE = 30.0
"""Seconds after its deletion for which an object is awaited while a finalizer holds a Pod."""


def creation(resource: Resource, body: Object, run: str) -> dict[str, Any]:
    """Recorded before an object is created; `made` adds what the answer says."""
    return {
        "kind": "created",
        "resource": described(resource),
        "run": run,
        "namespace": objects.namespace(body),
        "name": objects.name(body),
    }


def made(resource: Resource, data: Mapping[str, Any], answer: Object) -> dict[str, Any]:
    """The same record, completed with the object's uid and digest."""
    found = {**data, "uid": objects.uid(answer)}
    essence = essential(resource, answer)
    return found | ({"essence": essence} if essence else {})


def undo(data: Mapping[str, Any], context: UndoContext) -> None:
    """Execute what `creation` or `reverting` recorded."""
    if data["kind"] == "created":
        _delete(Resource(**data["resource"]), data, context)
    else:
        reverting.undo(data, context)


def _delete(resource: Resource, data: Mapping[str, Any], context: UndoContext) -> None:
    name, namespace = str(data["name"]), str(data["namespace"])
    try:
        there = context.cluster.get(resource, name, namespace)
    except NotFound:
        _delete_claims(data, context)
        return
    if not _is_ours(there, data):
        return
    if not objects.is_terminating(there):
        _require_unchanged(resource, there, data, context)
        _delete_this(resource, there, context)
    wait_until_gone(resource, there, context)
    _delete_claims(data, context)


def _delete_claims(data: Mapping[str, Any], context: UndoContext) -> None:
    """Those that a StatefulSet leaves."""
    for claim in set_claims.made(context.cluster, data):
        _delete_this(CLAIMS, claim, context)
        wait_until_gone(CLAIMS, claim, context)


def _delete_this(resource: Resource, there: Object, context: UndoContext) -> None:
    with suppress(NotFound, Conflict):  # it is gone, or another one has its name
        context.cluster.delete(
            resource,
            objects.name(there),
            objects.namespace(there),
            uid=objects.uid(there),
            propagation="Foreground",
        )


def _require_unchanged(
    resource: Resource, there: Object, data: Mapping[str, Any], context: UndoContext
) -> None:
    """ChangedSince if someone else's work would be lost with the object."""
    if context.force:
        return
    title = f"{resource.kind} {objects.title(there)}"
    if objects.annotation(there, RUN) != data["run"]:
        raise ChangedSince(f"{title} no longer has the mark of this run; it is not deleted")
    essence = data.get("essence")
    if (essence and essential(resource, there) != essence) or context.kept(objects.uid(there)):
        raise ChangedSince(
            f"{title} was changed by someone else since this run created it; it is not deleted"
        )
    if resource == NAMESPACES and (others := namespace_users.of(context.cluster, there)):
        raise ChangedSince(
            f"{title} contains objects that this run did not create, so it is not deleted: "
            f"{', '.join(others)}"
        )


def wait_until_gone(resource: Resource, obj: Object, context: UndoContext) -> None:
    """Return once it is gone; ActionFailed says what holds it."""
    began, hurry_at = context.clock.monotonic(), FIRST_HURRY
    while there := _is_there(resource, obj, context):
        waited = context.clock.monotonic() - began
        if waited >= hurry_at:
            hasten(context.cluster, resource, obj)
            hurry_at = 2 * waited
        if not context.last and (used := finalizers.in_use(there)):
            raise InUse(f"{resource.kind} {objects.title(obj)} is in use ({used})")
        if not context.last and waited > HELD and (held := finalizers.foreign(there)):
            raise Held(f"{resource.kind} {objects.title(obj)} is held by {held}")
        pause = min(LAST_LOOK, max(FIRST_LOOK, waited / 20))
        late = max(waited, finalizers.deleted_for(context.cluster, there)) > PATIENCE
        stuck = finalizers.stuck(context.cluster, resource, obj) if late else []
        if stuck or began + waited + pause > context.deadline:
            why = stuck or finalizers.of(context.cluster, resource, obj)
            title = f"{resource.kind} {objects.title(obj)}"
            raise ActionFailed(f"{title} was deleted, but still exists: {'; '.join(why)}")
        context.clock.wait(pause)


def _is_there(resource: Resource, obj: Object, context: UndoContext) -> Object | None:
    try:
        now = context.cluster.get(resource, objects.name(obj), objects.namespace(obj))
    except NotFound:
        return None
    return now if objects.uid(now) == objects.uid(obj) else None


def _is_ours(obj: Object, data: Mapping[str, Any]) -> bool:
    if data.get("uid"):
        return objects.uid(obj) == str(data["uid"])
    return objects.annotation(obj, RUN) == str(data["run"])
