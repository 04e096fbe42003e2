"""`ready`: a workload, some Pods, or everything in the namespace is ready.

After an action that means more than a number in a status: each victim's harm shows in our own
watch, the controller has seen the newest spec, and as many Pods as wanted serve, all of the newest
revision. A workload of zero Pods is not ready, since nothing would be proven.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from resilience.actions.pods.members import pods_of
from resilience.actions.shared.workload import RESOURCES
from resilience.checks import events, rollout
from resilience.checks.recovery import recoveries
from resilience.checks.struck import not_yet
from resilience.cluster.interface import (
    DAEMONSETS,
    DEPLOYMENTS,
    NODES,
    PODS,
    REPLICASETS,
    STATEFULSETS,
    Object,
    Resource,
)
from resilience.kube import objects
from resilience.kube.selectors import Selector
from resilience.model.values import Reference
from resilience.model.verb import Complaint, Family, Phase, Right, Verb, parameter
from resilience.verbs.context import CheckContext, NotMet, Victim


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Parameters of `ready`."""

    target: Reference | Literal["all"] | None = parameter(
        "A workload, a Pod, a Job or a node; or `all` of the namespace.",
        default=None,
        example="deployment/checkout",
        one_of="what",
    )
    pods: Selector | None = parameter(
        "Every Pod with these labels; after an action, as many as before.",
        default=None,
        example="app=checkout",
        one_of="what",
    )
    at_least: int = parameter("So many Pods at least (with `pods`).", default=1, at_least=1)


def _check(ready: Ready) -> Sequence[Complaint]:
    if ready.target or ready.pods:
        return ()
    return (
        Complaint(
            field="", message="nothing is named", expected="deployment/NAME, pods: LABELS or all"
        ),
    )


def _describe(ready: Ready) -> str:
    if ready.pods:
        return f"Pods {ready.pods} are ready"
    return "everything is ready" if ready.target == "all" else f"{ready.target} is ready"


def run(ready: Ready, context: CheckContext) -> str:
    """One sentence of what is ready; NotMet says what is missing."""
    if ready.pods:
        return _pods(ready.pods, ready.at_least, context)
    if isinstance(ready.target, Reference):
        return _one(RESOURCES[ready.target.kind], ready.target.name, context)
    return _all(context)


def _all(context: CheckContext) -> str:
    texts = [
        _one(resource, objects.name(obj), context)
        for resource in (DEPLOYMENTS, STATEFULSETS, DAEMONSETS)
        for obj in context.view(resource, context.namespace).objects()
        if rollout.wanted(resource, obj)
    ]
    bare = [
        pod
        for pod in _pods_of(context)
        if objects.controller(pod) is None
        and not objects.is_finished(pod)
        and not objects.is_ours(pod)
    ]
    _serving(bare, context)
    if not texts and not bare:
        raise NotMet(f"namespace {context.namespace} holds no workload and no bare Pod")
    return "; ".join([*texts, *(f"{objects.title(pod)} is ready" for pod in bare)])


def _one(resource: Resource, name: str, context: CheckContext) -> str:
    namespace = context.namespace if resource.namespaced else ""
    there = context.view(resource, namespace).objects()
    found = next((obj for obj in there if objects.name(obj) == name), None)
    title = f"{resource.kind.lower()}/{name}"
    if found is None:
        names = ", ".join(objects.name(obj) for obj in there) or "none"
        raise NotMet(f"{title} does not exist in {namespace or 'the cluster'}; there are: {names}")
    if resource in (PODS, NODES):
        return _simple(found, title, context)
    pods = pods_of(found, context)
    missing = rollout.missing(resource, found, pods)
    late = _late(context, {objects.uid(found)})
    if missing or late:
        raise NotMet(
            "; ".join(
                [f"{title} in {namespace}: {missing or late}", *events.about_unready(pods, context)]
            )
        )
    return f"{title}: {rollout.summary(resource, found)}"


def _simple(obj: Object, title: str, context: CheckContext) -> str:
    if not objects.is_ready(obj) or objects.is_terminating(obj):
        condition = objects.condition(obj, "Ready")
        said = condition.get("message") or condition.get("reason") or objects.phase(obj)
        raise NotMet(
            f"{title}: expected Ready, observed {condition.get('status', 'no condition')}"
            f"{f' ({said})' if said else ''}"
        )
    return f"{title} is ready"


def _pods(selector: Selector, at_least: int, context: CheckContext) -> str:
    matching = [
        pod
        for pod in _pods_of(context)
        if selector.matches(objects.labels(pod))
        and not objects.is_ours(pod)
        and not objects.is_finished(pod)
        and not objects.is_terminating(pod)
    ]
    if late := _late(context, None):
        raise NotMet(late)
    if len(matching) < at_least:
        raise NotMet(
            f"Pods {selector} in {context.namespace}: expected at least {at_least}, "
            f"observed {len(matching)}"
        )
    _serving(matching, context)
    if healing := _healing(selector, context):
        raise NotMet(healing)
    return f"{len(matching)} Pods {selector} are ready"


def _healing(selector: Selector, context: CheckContext) -> str:
    """Non-empty while a workload of such Pods has fewer than before it was hit: right after a
    DELETE the Pods that are left are all ready, and the new one does not exist yet."""
    hit = {objects.uid(event.object) for event in context.history(PODS)
           if selector.matches(objects.labels(event.object))}  # fmt: skip
    victims = [victim for victim in context.victims if victim.uid in hit]
    if victims:
        context.view(REPLICASETS, context.namespace)
    found = recoveries(victims, context.history(PODS), context.history(REPLICASETS))
    return "; ".join(each.text for each in found if each.seconds is None)


def _serving(pods: Iterable[Object], context: CheckContext) -> None:
    unready = [pod for pod in pods if not objects.serves(pod)]
    if unready:
        raise NotMet("; ".join(events.about_unready(unready, context)))


def _late(context: CheckContext, workloads: set[str] | None) -> str:
    """Non-empty while the harm to a victim (of these workloads) does not show yet."""
    concerned: list[Victim] = [
        victim
        for victim in context.victims
        if workloads is None or {victim.workload, victim.owner, victim.uid} & workloads
    ]
    hidden = not_yet(concerned, lambda uid: _by_uid(context, uid))
    names = ", ".join(f"{victim.namespace}/{victim.name}" for victim in hidden)
    return f"the watch does not show yet what was done to {names}" if hidden else ""


def _by_uid(context: CheckContext, uid: str) -> Object | None:
    return context.view(PODS, context.namespace).by_uid(uid)


def _pods_of(context: CheckContext) -> Sequence[Object]:
    return context.view(PODS, context.namespace).objects()


def _rights(ready: Any, namespace: str) -> Sequence[Right]:
    resources = {PODS}
    if isinstance(ready.target, Reference):
        resources.add(RESOURCES[ready.target.kind])
    elif ready.target == "all":
        resources |= {DEPLOYMENTS, STATEFULSETS, DAEMONSETS}
    if DEPLOYMENTS in resources:
        resources.add(REPLICASETS)
    return [
        Right(
            verb=verb,
            group=each.group,
            resource=each.plural,
            namespace=namespace if each.namespaced else "",
        )
        for each in sorted(resources)
        for verb in ("list", "watch")
    ]


VERB = Verb(
    name="ready",
    family=Family.CHECK,
    parameters=Ready,
    shorthand="target",
    summary="A workload, Pods or everything in the namespace is ready.",
    phases=frozenset({Phase.GIVEN, Phase.WHEN, Phase.THEN}),
    run=run,
    describe=_describe,
    check=_check,
    rights=_rights,
    example="ready: deployment/checkout",
)
