"""Objects that a check names and the cluster lacks: deleted, or never created.

An object that existed during the run and is gone is the service's fault, and so is one that an
action of `when` may have been expected to create (an operator creates it, GitOps restores it).
Without either, nothing was measured: the name or the label is most likely wrong. A Job that has
ended may be removed since (`ttlSecondsAfterFinished`): its last seen state counts.
"""

from __future__ import annotations

from collections.abc import Sequence

from resilience.cluster.interface import JOBS, PODS, Object, Resource
from resilience.kube import objects, pod_state, readiness
from resilience.kube.selectors import Selector
from resilience.model.nearest import did_you_mean
from resilience.model.verb import Phase
from resilience.verbs.context import CheckContext, NotMet

MOST = 3
"""Ended Pods that a message names."""


def named(resource: Resource, name: str, there: Sequence[Object], context: CheckContext) -> NotMet:
    """The error for an object that does not exist; `there` are the existing ones of its kind."""
    namespace = context.namespace if resource.namespaced else ""
    names = [objects.name(obj) for obj in there]
    text = (
        f"{resource.kind.lower()}/{name} does not exist in {namespace or 'the cluster'};"
        f" there are: {', '.join(names) or 'none'}"
    )
    meant = did_you_mean(name, names)
    existed = last_seen(resource, name, context) is not None
    if resource == JOBS and not existed:
        hint = "if it ended and was removed since (ttlSecondsAfterFinished), check for it sooner"
        return NotMet(f"{text}; {hint}{meant}", unknown=True)
    return NotMet(f"{text}{meant}", unknown=not existed and not _may_be_coming(context))


def last_seen(resource: Resource, name: str, context: CheckContext) -> Object | None:
    """The object as the run's watch last showed it; None if it never did."""
    namespace = context.namespace if resource.namespaced else ""
    found = [
        event.object
        for event in context.history(resource)
        if objects.name(event.object) == name and objects.namespace(event.object) == namespace
    ]
    return found[-1] if found else None


def lost(resources: Sequence[Resource], context: CheckContext) -> list[str]:
    """The workloads that are gone: those that an action changed, and those of the run's watch that
    wanted Pods. Jobs are removed once they have ended."""
    found: dict[str, None] = {}
    for resource in (each for each in resources if each != JOBS):
        kind = resource.kind.lower()
        there = {objects.uid(obj) for obj in context.view(resource, context.namespace).objects()}
        were = [(each.uid, each.name, each.namespace)
                for each in context.changes if each.kind == resource.kind]  # fmt: skip
        were += [
            (objects.uid(obj), objects.name(obj), objects.namespace(obj))
            for obj in (event.object for event in context.history(resource))
            if readiness.wanted(obj) and not objects.controller(obj)
        ]
        for uid, name, namespace in were:
            if namespace == context.namespace and uid not in there:
                found[f"{kind}/{name}"] = None
    return list(found)


def too_few(selector: Selector, wanted: int, found: int, context: CheckContext) -> NotMet:
    """The error for fewer Pods with these labels than wanted."""
    text = f"Pods {selector} in {context.namespace}: expected at least {wanted}, observed {found}"
    existed = any(
        selector.matches(objects.labels(event.object))
        for event in context.history(PODS)
        if objects.namespace(event.object) == context.namespace
    )
    if existed or _may_be_coming(context):
        return NotMet("; ".join([text, *_ended(selector, context)]))
    return NotMet(f"{text}; no Pod had these labels during the run", unknown=True)


def _ended(selector: Selector, context: CheckContext) -> list[str]:
    """Those that do not count any more, with how they ended."""
    there = context.view(PODS, context.namespace).objects()
    return [
        f"{objects.title(pod)} has ended: {pod_state.of(pod).text}"
        for pod in there
        if selector.matches(objects.labels(pod)) and objects.is_finished(pod)
        and not objects.is_ours(pod)
    ][:MOST]  # fmt: skip


def _may_be_coming(context: CheckContext) -> bool:
    """Whether an action changed objects, so that others may be created or deleted as a result."""
    return any(change.phase is Phase.WHEN for change in context.changes)
