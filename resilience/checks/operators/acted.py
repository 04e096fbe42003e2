"""Whether operators have acted on the custom resources that this run wrote: right after the change
all Pods are ready, and belong to the former spec.

A resource of any shape says so by the conventions of Kubernetes' API (SIG Architecture's
api-conventions.md, and kstatus): `status.observedGeneration`, the same of its conditions, and the
conditions Ready, Available, Reconciling and Stalled. Where it tells no generation, each of its Pods
has to be new, or changed, since the run wrote it. Its Pods are those that it owns, through any
number of other objects; a Pod with an owner that may not be read could be one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resilience.backup.objects.kind_identity import is_built_in
from resilience.checks.operators.templates import has_template
from resilience.cluster.errors import Forbidden, Invalid, NotFound
from resilience.cluster.interface import PODS, Object
from resilience.cluster.ownership.owner_chains import Owner, OwnerChains
from resilience.kube import objects
from resilience.model.words import many
from resilience.verbs.context import Change, CheckContext

_GOOD = {"Ready": "True", "Available": "True", "Reconciling": "False", "Stalled": "False"}
"""The status that each condition has once the resource is as its spec wants it."""


def behind(pods: Sequence[Object], context: CheckContext, *, every: bool = False) -> list[str]:
    """What is missing of the resources that own these Pods; with `every`, also of the others that
    this run wrote in its namespace, as far as their own status says it."""
    newest = {change.uid: change for change in context.changes if _is_concerned(change, context)}
    if not newest:
        return []
    chains = OwnerChains(context.cluster)
    above = [(pod, chains.of(pod)) for pod in pods]
    found = []
    for uid, change in sorted(newest.items()):
        mine = [_Own(pod, _doubt(uid, owners)) for pod, owners in above if _may_own(uid, owners)]
        if mine or every:
            found.append(_missing(change, mine, context))
    return [text for text in found if text]


@dataclass(frozen=True, slots=True)
class _Own:
    """A Pod of the resource; `doubt` is why nobody can tell whether it is one."""

    pod: Object
    doubt: str


def _may_own(uid: str, owners: Iterable[Owner]) -> bool:
    return any(each.uid == uid or each.unread for each in owners)


def _doubt(uid: str, owners: Sequence[Owner]) -> str:
    if any(each.uid == uid for each in owners):
        return ""
    return next(f"{each.title} may not be read: {each.unread}" for each in owners if each.unread)


def _is_concerned(change: Change, context: CheckContext) -> bool:
    """Whether it is an operator's, and not one whose template shows how far it is."""
    custom = not is_built_in({"apiVersion": change.api_version})
    here = change.namespace == context.namespace and bool(change.new_spec)
    return custom and here and not has_template(change, context)


def _missing(change: Change, mine: Sequence[_Own], context: CheckContext) -> str:
    title = f"{change.kind.lower()}/{change.name}"
    there = _read(change, context)
    if there is None:
        return ""
    if said := _said(there):
        return f"{title}, which this run wrote: {said}"
    if _observed(there) is not None:
        return ""
    old = [each for each in mine if not _changed(each.pod, change.since, context)]
    if not old:
        return ""
    first = min(old, key=lambda each: bool(each.doubt))
    of_it = "that may be of it" if first.doubt else "of it"
    which = objects.title(first.pod) + (f", whose {first.doubt}" if first.doubt else "")
    return (
        f"{title}, which this run wrote, tells no observedGeneration, and {many(len(old), 'Pod')}"
        f" {of_it} {'is' if len(old) == 1 else 'are'} as before ({which}): nothing"
        " proves that its operator has acted"
    )


def _said(there: Object) -> str:
    """Why the resource is not what its spec wants, by its own words; "" if it does not say so."""
    written, seen = _generation(objects.metadata(there).get("generation")), _observed(there)
    if seen is not None and written is not None and seen < written:
        return f"its operator has not seen the newest spec (observedGeneration {seen} of {written})"
    for condition in _conditions(there):
        status = str(condition.get("status"))
        if status != _GOOD[condition["type"]]:
            why = condition.get("message") or condition.get("reason")
            return f"its condition {condition['type']} is {status}" + (f" ({why})" if why else "")
    return ""


def _conditions(there: Object) -> Iterator[Mapping[str, Any]]:
    for kind in _GOOD:
        if found := objects.condition(there, kind):
            yield found


def _observed(there: Object) -> int | None:
    """The oldest spec that its status describes; None if it names none."""
    told = [objects.mapping(there.get("status")), *_conditions(there)]
    seen = [_generation(each.get("observedGeneration")) for each in told]
    return min((each for each in seen if each is not None), default=None)


def _generation(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _changed(pod: Object, since: float, context: CheckContext) -> bool:
    """Whether it was made, or its spec was changed, after that moment."""
    before = [
        event.object
        for event in context.history(PODS)
        if objects.uid(event.object) == objects.uid(pod) and event.received <= since
    ]
    return not before or before[-1].get("spec") != pod.get("spec")


def _read(change: Change, context: CheckContext) -> Object | None:
    """None where it is gone, or may not be read."""
    try:
        resource = context.cluster.resource(change.api_version, change.kind)
        namespace = context.namespace if resource.namespaced else ""
        return context.cluster.get(resource, change.name, namespace)
    except (Forbidden, Invalid, NotFound):
        return None
