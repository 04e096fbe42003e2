"""What `ready` requires after an action of the run, beyond what the status says.

Right after a DELETE or a changed template the remaining Pods are all ready, and prove nothing:
each disruption must show in the watch, each Pod of the old template must be replaced, and as many
Pods as before must exist.
"""

from __future__ import annotations

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
from resilience.verbs.context import CheckContext, NotMet, Victim

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
