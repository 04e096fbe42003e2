"""Changes an object that others change as well, and reverts exactly the run's own changes.

`change` records each field with its prior and its new value before anything is sent, and sends the
write with the version that it is based on: a write by others at the same moment is never mistaken
for the run's. A change that could not be reverted (`one_way`) is not made. `undo` reverts the
fields that still have the run's value. Fields that someone else has changed since, or has asked for
as they are (`claimed`), are kept; `ChangedSince` names them, and `recover --force` reverts them as
well.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from resilience.actions.shared import retained_keys
from resilience.actions.undo import claimed, one_way, stuck_pods
from resilience.actions.undo.changed_fields import Change, changes, content, laid_over, same
from resilience.actions.undo.reverted_fields import reverted, shown
from resilience.cluster.errors import (
    ApiError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    ServerTrouble,
)
from resilience.cluster.interface import PODS, Object, Resource
from resilience.kube import objects
from resilience.verbs.context import (
    ActionContext,
    ActionFailed,
    ChangedSince,
    UndoContext,
    sparing,
)

RUN = "resilience/run"
"""Annotation on objects that a run created or changed temporarily; the value is the run's id."""

TRIES = 8
"""How often a write is repeated because someone else wrote in between."""

UNSUPPORTED_MEDIA = 415


def change(
    context: ActionContext,
    resource: Resource,
    there: Object,
    edit: Callable[[Object], object],
    text: str,
    *,
    subresource: str = "",
    mark: bool = False,
) -> Object:
    """Change `there` with `edit`, which edits the object that it receives. Returns the API
    server's answer. With `mark` the run's id is set on the object; an undo finds nothing to revert
    on an object without it."""

    def wanted(now: Object) -> Object:
        new = copy.deepcopy(now)
        edit(new)
        if mark:
            new["metadata"].setdefault("annotations", {})[RUN] = str(context.run)
        return new

    def send(now: Object, new: Object) -> Object:
        return _patch(context.cluster, resource, now, new, subresource)

    record = {"kind": "changed", "subresource": subresource, "mark": mark}
    with sparing(context, there):
        return _Write(context, resource, text, record).carry_out(there, wanted, send)


def merge(
    context: ActionContext, resource: Resource, there: Object, body: Object, text: str
) -> Object:
    """Merge a manifest into `there`, as `kubectl apply` does. A dry run first shows what the server
    would store. With `text` "" nothing is undone."""

    def wanted(now: Object) -> Object:
        try:
            return _merge(context.cluster, resource, now, body, dry_run=True)
        except (
            Forbidden,
            Invalid,
            ServerTrouble,
        ):  # a webhook that supports no dry runs, for instance
            return dict(laid_over(now, body))

    def send(now: Object, new: Object) -> Object:
        return _merge(context.cluster, resource, now, body)

    record = {"kind": "changed", "expected": True}
    return _Write(context, resource, text, record).carry_out(there, wanted, send)


class _Write:
    """One write with its record in the journal."""

    def __init__(
        self, context: ActionContext, resource: Resource, text: str, record: Mapping[str, Any]
    ) -> None:
        self._context, self._resource, self._text = context, resource, text
        self._record = {key: value for key, value in record.items() if value}
        self._undo = ""
        self._recorded: dict[str, Any] = {}

    def carry_out(
        self,
        there: Object,
        wanted: Callable[[Object], Object],
        send: Callable[[Object, Object], Object],
    ) -> Object:
        """Record, send, and record the outcome; repeat when someone else wrote in between."""
        for left in reversed(range(TRIES)):
            try:
                new = wanted(there)
                self._require_way_back(there, new)
                self._note(there, new, exact=False)
                after = send(there, new)
            except Conflict:
                if not left:
                    self._forget()
                    raise
                there = self._again(there)
            except ApiError as error:
                if not isinstance(
                    error, ServerTrouble
                ):  # the server may have carried out the request
                    self._forget()
                raise
            else:
                self._note(there, after, exact=True)
                return after
        raise AssertionError("unreachable: the last try returns or raises")

    def _require_way_back(self, there: Object, new: Object) -> None:
        """ActionFailed, before anything is sent, if the undo could not revert the change."""
        why = one_way.why(self._resource, there, new) if self._text else ""
        if why:
            self._forget()
            raise ActionFailed(
                f"{self._resource.kind} {objects.title(there)} was not changed, because that could "
                f"not be undone: {why}. Change it yourself before the run, or leave it out"
            )

    def _again(self, there: Object) -> Object:
        """The object's current state; Conflict when another object has its name now."""
        name, namespace = objects.name(there), objects.namespace(there)
        now = self._context.cluster.get(self._resource, name, namespace)
        if objects.uid(now) != objects.uid(there):
            self._forget()
            raise Conflict(
                409, f"{self._resource.kind} {objects.title(now)} was replaced in the meantime"
            )
        return now

    def _note(self, before: Object, after: Object, *, exact: bool) -> None:
        if not self._text:
            return
        made = [
            each.data() | ({"declared": True} if claimed.is_declared(before, each) else {})
            for each in changes(content(before), content(after))
        ]
        data = self._record | {
            "resource": described(self._resource),
            "namespace": objects.namespace(before),
            "name": objects.name(before),
            "uid": objects.uid(before),
            "run": str(self._context.run),
            "fields": made,
            "exact": exact,
        }
        if not self._undo:
            self._undo = self._context.will_undo(data, self._text)
        elif any(map(_can_grow, made)) or not same(made, self._recorded["fields"]):
            self._context.amend_undo(self._undo, data)
        else:
            return
        self._recorded = data

    def _forget(self) -> None:
        if self._undo:
            self._context.forget_undo(self._undo)


def _can_grow(field: Mapping[str, Any]) -> bool:
    """Whether someone could add to the value. Then the record must be the server's answer: if only
    the sent value were recorded, additions to it would be attributed to the server. A mapping or
    list that the run created needs no such care."""
    value = field.get("set")
    return isinstance(value, dict | list) and bool(value or "was" in field)


def _patch(
    cluster: Any, resource: Resource, now: Object, new: Object, subresource: str = ""
) -> Object:
    """Patch the object from `now` to `new`, only if it is still at that version."""
    from resilience.backup.objects.merge import merge_patch

    body = merge_patch(now, new)
    version = {"resourceVersion": objects.metadata(now).get("resourceVersion")}
    body["metadata"] = {**body.get("metadata", {}), **version}
    answer: Object = cluster.patch(
        resource, objects.name(now), body, objects.namespace(now), subresource=subresource
    )
    return laid_over(now, {"spec": answer.get("spec")}) if subresource else answer


def _merge(
    cluster: Any, resource: Resource, now: Object, body: Object, *, dry_run: bool = False
) -> Object:
    version = {"resourceVersion": objects.metadata(now).get("resourceVersion")}
    body = {**body, "metadata": {**body["metadata"], **version}}

    def send(patch: Object, kind: str) -> Object:
        answer: Object = cluster.patch(
            resource, objects.name(now), patch, objects.namespace(now), type=kind, dry_run=dry_run
        )
        return answer

    try:
        return send(retained_keys.patch(body, now), "strategic")
    except ApiError as error:
        if error.code != UNSUPPORTED_MEDIA:  # custom resources have no strategic merge
            raise
    return send(body, "merge")


def described(resource: Resource) -> dict[str, Any]:
    """For the journal."""
    return {
        "group": resource.group,
        "version": resource.version,
        "plural": resource.plural,
        "kind": resource.kind,
        "namespaced": resource.namespaced,
    }


def undo(data: Mapping[str, Any], context: UndoContext) -> None:
    """Revert what `change` or `merge` recorded. Idempotent."""
    resource = Resource(**data["resource"])
    for _ in range(TRIES):
        there = _find(resource, data, context)
        if there is None:
            return
        new, kept = _taken_back(there, data, force=context.force)
        try:
            if not same(new, there):
                _patch(context.cluster, resource, there, new, str(data.get("subresource") or ""))
        except Conflict:
            continue
        stuck_pods.release(resource, data, context)
        if kept:
            context.keep(objects.uid(there))
            title = f"{resource.kind} {objects.title(there)}"
            raise ChangedSince(f"{title} was changed by someone else since: {'; '.join(kept)}")
        return
    raise ActionFailed(
        f"{resource.kind} {data['name']} was changed by someone else before each of {TRIES} tries"
    )


def _find(resource: Resource, data: Mapping[str, Any], context: UndoContext) -> Object | None:
    """The very object; None if it is gone, or replaced by another of its name: then nothing of
    the run is on it. A missing object is reported if it was `expected` to outlast the run."""
    name, namespace = str(data["name"]), str(data.get("namespace") or "")
    title = f"{resource.kind} {'/'.join(part for part in (namespace, name) if part)}"
    try:
        there = context.cluster.get(resource, name, namespace)
    except NotFound as error:
        if not data.get("expected"):
            return None
        raise ChangedSince(f"{title} is gone, although it existed before the run") from error
    if objects.uid(there) == data["uid"]:
        return None if resource == PODS and objects.is_terminating(there) else there
    if data.get("expected"):
        raise ChangedSince(
            f"{title} was deleted and recreated since the run (different uid); left unchanged"
        )
    return None


def _taken_back(
    there: Object, data: Mapping[str, Any], *, force: bool
) -> tuple[Object, Sequence[str]]:
    """The object without the run's changes, and a text for each change that stays."""
    theirs = [] if force else _claims(there, data)
    made = [Change.of(each) for each in data["fields"] if each not in [one for one, _ in theirs]]
    if data.get("mark") and objects.annotation(there, RUN) != data["run"] and not force:
        made = [each for each in made if each.path[-1] != RUN]
        new, kept = reverted(there, made)
        held = [f"{each.name} is {shown(each.set)}" for each in made] if new != there else []
        reason = "it no longer has the mark of this run"
        return there, [*map(str, kept), *(f"{reason}, and {text}" for text in held)]
    new, kept = reverted(there, made, exact=bool(data.get("exact")), force=force)
    return new, [*map(str, kept), *(text for _, text in theirs)]


def _claims(there: Object, data: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], str]]:
    """Fields that someone else has asked for as the run set them, each with a text."""
    found = []
    for field in data["fields"]:
        who = claimed.by_others(there, field, subresource=str(data.get("subresource") or ""))
        if who:
            change = Change.of(field)
            text = f"{change.name} is {shown(change.set)}, as this run set it, and {who} asked for"
            found.append((field, f"{text} the same since (before: {shown(change.was)})"))
    return found
