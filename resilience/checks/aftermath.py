"""What `ready` requires after an action of the run, beyond what the status says.

Right after a DELETE or a changed template the remaining Pods are all ready, and prove nothing:
each disruption must show in the watch, each Pod of the old template must be replaced, and as many
Pods as before must exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from resilience.actions.pods.members import pods_of
from resilience.checks import recovering
from resilience.checks.struck import not_yet
from resilience.cluster.errors import NotFound
from resilience.cluster.interface import (
    JOBS,
    PODS,
    Object,
)
from resilience.cluster.survey import WORKLOADS
from resilience.kube import objects, pod_state, readiness
from resilience.kube.selectors import Selector
from resilience.model.words import many
from resilience.verbs.context import Change, CheckContext, NotMet, Victim

_ROLLED = {resource.kind: resource for resource in WORKLOADS if resource != JOBS}
"""Workloads that replace their Pods after a change, by kind."""

_REVISION = "controller-revision-hash"
"""The label by which a Pod names the revision that it was made from."""


def unhealed(context: CheckContext) -> list[str]:
    """Pods that owners of unknown kinds have not replaced yet; the number that they want is
    unknown, so as many as before are expected.
    """
    known = {resource.kind.lower() for resource in WORKLOADS}
    theirs = [
        victim
        for victim in _victims(context)
        if victim.workload and victim.workload_title.partition("/")[0] not in known
    ]
    return [each.text for each in recovering.found(theirs, context) if each.seconds is None]


def fallen(context: CheckContext) -> list[str]:
    """Bare Pods that served in this run and have failed: nothing recreates them. Those that failed
    before, or completed, are no loss of this run.
    """
    failed = [
        pod
        for pod in context.view(PODS, context.namespace).objects()
        if objects.phase(pod) == "Failed"
        and not objects.controller(pod) and not objects.is_ours(pod)
    ]  # fmt: skip
    events = context.history(PODS) if failed else ()
    served = {objects.uid(event.object) for event in events if readiness.serves(event.object)}
    return [
        f"{objects.title(pod)} served in this run and will not come back, since nothing owns it: "
        f"{pod_state.of(pod).text}"
        for pod in failed
        if objects.uid(pod) in served
    ]


def require_begun(workload: Object, context: CheckContext) -> None:
    """Not measured if this run changed the template but no Pod has the new one: then all Pods are
    ready, but prove nothing about the change."""
    now = (workload.get("spec") or {}).get("template")
    since = [
        change.since
        for change in context.changes
        if change.uid == objects.uid(workload) and change.template not in ({}, now)
    ]
    want = readiness.wanted(workload) or 0
    if since and want and not _begun(workload, want, max(since), context):
        raise NotMet(
            f"{workload_title(workload)}: this run changed its Pod template, but no Pod has the "
            f"new one, because of {readiness.kept_by(workload)}; all {want} Pods keep the old one; "
            "delete a Pod (`kill`) or change that setting, so that the change can be judged",
            final=True,
            unknown=True,
        )


def _begun(workload: Object, want: int, since: float, context: CheckContext) -> int:
    """How many Pods have the new template. NotMet while the status counts fewer than there are:
    controllers write it after the Pods."""
    kept = readiness.kept_by(workload)
    there = _of_newest(workload, since, context) if kept else 0
    if workload.get("kind") in readiness.NEVER_ROLLED:
        return there
    counted = want - readiness.outdated(workload)
    if counted < there:
        raise NotMet(
            f"{workload_title(workload)}: its status counts {counted} of "
            f"{many(there, 'Pod')} with the new template"
        )
    return counted


def _of_newest(workload: Object, since: float, context: CheckContext) -> int:
    """Serving Pods of the newest template: by their revision where the status names it (a
    StatefulSet makes Pods below its partition from the old one), else those made since."""
    serving = [pod for pod in pods_of(workload, context) if readiness.serves(pod)]
    if newest := (workload.get("status") or {}).get("updateRevision"):
        return sum(objects.labels(pod).get(_REVISION) == newest for pod in serving)
    seen: dict[str, float] = {}
    for event in context.history(PODS):
        seen.setdefault(objects.uid(event.object), event.received)
    return sum(seen.get(objects.uid(pod), since) > since for pod in serving)


def workload_title(workload: Object) -> str:
    return f"{str(workload.get('kind', '')).lower()}/{objects.name(workload)}"


def unrolled(context: CheckContext, selector: Selector | None = None) -> list[str]:
    """What is missing of the Pods of custom resources whose Pod template this run wrote. How their
    operators roll out is not known: right after the change all old Pods are ready. With `selector`
    only Pods that existed before are judged, since the check itself says how many it expects."""
    newest = {change.uid: change for change in context.changes if _is_custom(change, context)}
    found = []
    for change in newest.values():
        labels = objects.labels(change.new_spec["template"])
        if selector is None or (selector.matches(labels) and not change.is_new):
            found.append(_unrolled(change, labels, context))
    return [text for text in found if text]


def _is_custom(change: Change, context: CheckContext) -> bool:
    """Whether it makes Pods, as far as its spec shows, and is of no kind that is known."""
    template = objects.mapping(change.new_spec.get("template"))
    containers = objects.mapping(template.get("spec")).get("containers")
    known = {resource.kind for resource in WORKLOADS}
    here = change.namespace == context.namespace and change.kind not in known
    return here and bool(containers) and bool(objects.labels(dict(template)))


def _unrolled(change: Change, labels: Mapping[str, str], context: CheckContext) -> str:
    title = f"{change.kind.lower()}/{change.name}"
    mine = [pod for pod in context.view(PODS, context.namespace).objects() if _has(pod, labels)]
    serving = [pod for pod in mine if readiness.serves(pod)]
    if change.is_new:
        want = change.new_spec.get("replicas", 1)
        if not isinstance(want, int) or len(serving) >= want:
            return ""
        return f"{title}, which this run created, wants {want} Pods, and {len(serving)} serve"
    if change.template == change.new_spec["template"]:
        return ""
    old = [pod for pod in serving if not _is_of(pod, change, context)]
    if not old:
        return ""
    return (
        f"{title}: this run changed its Pod template, and {many(len(old), 'Pod')} of the old one"
        f" still {'serves' if len(old) == 1 else 'serve'} ({objects.title(old[0])}): nothing"
        " proves the new one"
    )


def _has(pod: Object, labels: Mapping[str, str]) -> bool:
    """Whether it has these labels, and belongs to no Deployment."""
    own = objects.labels(pod)
    return labels.items() <= own.items() and "pod-template-hash" not in own


def _is_of(pod: Object, change: Change, context: CheckContext) -> bool:
    """Whether the Pod is of the new template: made since, or with its new images in place."""
    first = next((event.received for event in context.history(PODS)
                  if objects.uid(event.object) == objects.uid(pod)), change.since)  # fmt: skip
    wanted = set(_images(change.new_spec["template"])) - set(_images(change.template))
    here = set(_images(pod))
    return first > change.since or (bool(wanted) and wanted <= here)


def _images(obj: Mapping[str, Any]) -> list[tuple[str, str]]:
    spec = objects.mapping(obj.get("spec"))
    listed = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    return [(str(each.get("name")), str(each.get("image"))) for each in listed]


def rolling(selector: Selector, context: CheckContext) -> str:
    """Non-empty while a workload that this run changed has not replaced all of its matching
    Pods: until then the old Pods are ready, but prove nothing.
    """
    changed = {
        (change.kind, change.name)
        for change in context.changes
        if change.namespace == context.namespace and selector.matches(change.pod_labels)
        and change.pod_labels and change.kind in _ROLLED
    }  # fmt: skip
    for kind, name in sorted(changed):
        try:
            workload = context.cluster.get(_ROLLED[kind], name, context.namespace)
        except NotFound:
            continue
        if shortfall := readiness.shortfall(workload, None):
            return f"{workload_title(workload)}: {shortfall.text}"
        require_begun(workload, context)
    return ""


def healing(selector: Selector, context: CheckContext) -> str:
    """Non-empty while a workload of such Pods has fewer of them than before the action: right after
    a DELETE the remaining Pods are all ready, and the new one does not exist yet.
    """
    hit = {objects.uid(event.object) for event in context.history(PODS)
           if selector.matches(objects.labels(event.object))}  # fmt: skip
    victims = [victim for victim in _victims(context) if victim.uid in hit]
    found = recovering.found(victims, context)
    return "; ".join(each.text for each in found if each.seconds is None)


def _victims(context: CheckContext) -> list[Victim]:
    """Those in the run's namespace: `ready` says nothing about others, where a drain strikes, too
    (`recovered` does).
    """
    return [victim for victim in context.victims if victim.namespace == context.namespace]


def not_shown(context: CheckContext, workloads: set[str] | None) -> str:
    """Non-empty while the disruption of a victim (of these workloads) is not visible yet."""
    concerned: list[Victim] = [
        victim
        for victim in _victims(context)
        if workloads is None or {victim.workload, victim.owner, victim.uid} & workloads
    ]
    hidden = not_yet(concerned, lambda uid: _by_uid(context, uid))
    names = ", ".join(f"{victim.namespace}/{victim.name}" for victim in hidden)
    return f"the watch does not show the disruption of {names} yet" if hidden else ""


def _by_uid(context: CheckContext, uid: str) -> Object | None:
    return context.view(PODS, context.namespace).by_uid(uid)
