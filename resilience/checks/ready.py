"""`ready`: a workload, some Pods, or everything in the namespace is ready.

After an action, `ready` requires more than a number in a status: each victim's disruption shows in
this run's watch, the controller has seen the newest spec, and as many Pods as wanted serve, all of
the newest revision (`resilience.kube.readiness`). `all` checks every Pod, with any owner or none
(`resilience.cluster.survey`). An object that never existed, and a workload of zero Pods, are not
measured (`resilience.checks.absent`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from resilience.actions.pods.members import pods_of
from resilience.actions.shared.workload import RESOURCES
from resilience.checks import absent, events, in_place, leaving, stuck
from resilience.checks.aftermath import (
    fallen,
    healing,
    not_shown,
    require_begun,
    rolling,
    unhealed,
    workload_title,
)
from resilience.checks.operators import acted
from resilience.checks.operators.templates import unrolled
from resilience.cluster.interface import (
    DEPLOYMENTS,
    JOBS,
    NODES,
    PODS,
    REPLICASETS,
    Object,
    Resource,
)
from resilience.cluster.survey import WORKLOADS, survey
from resilience.kube import objects, pod_state, readiness
from resilience.kube.selectors import Selector
from resilience.model.values import Reference
from resilience.model.verb import Complaint, Family, Phase, Right, Verb, parameter
from resilience.model.words import many
from resilience.verbs.context import CheckContext, NotMet


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
        "Every Pod with these labels; after an action, at least as many as before.",
        default=None,
        example="app=checkout",
        one_of="what",
    )
    at_least: int = parameter("At least this many Pods (with `pods`).", default=1, at_least=1)


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
    """One sentence that names what is ready; NotMet says what is missing."""
    if ready.pods:
        return _pods(ready.pods, ready.at_least, context)
    if isinstance(ready.target, Reference):
        return _one(RESOURCES[ready.target.kind], ready.target.name, context)
    return _all(context)


def _all(context: CheckContext) -> str:
    found = survey(
        (obj for each in WORKLOADS for obj in context.view(each, context.namespace).objects()),
        leaving.without(_pods_of(context), context),
    )
    missing = [
        text
        for each in found.short
        for text in (
            f"{workload_title(each.workload)}: {each.shortfall.text}",
            *events.about_unready(each.pods, context),
        )
    ]
    missing += events.about_unready(found.unready, context, terminating=True)
    missing += in_place.outdated(found.serving, context)
    missing += (lost := fallen(context))
    if late := not_shown(context, None):
        missing.append(late)
    if not missing:
        for each in found.complete:
            require_begun(each, context)
    waiting = [pod for each in found.short for pod in each.pods] + list(found.unready)
    todo = stuck.remedies(waiting, context, [each.workload for each in found.short])
    final = bool(todo or lost) or any(each.shortfall.final for each in found.short)
    if missing := missing or unhealed(context):
        raise NotMet("; ".join([*missing, *todo]), final=final)
    if texts := [*unrolled(context), *acted.behind(_pods_of(context), context, every=True)]:
        raise NotMet("; ".join(texts), unknown=True)
    if found.empty:
        text = f"namespace {context.namespace} contains no workload that wants Pods and no"
        gone = absent.lost(WORKLOADS, context)
        more = f"; gone since the run began: {', '.join(gone)}" if gone else ""
        raise NotMet(f"{text} unfinished Pod{more}", unknown=not (context.victims or gone))
    return "; ".join(
        [
            *(f"{workload_title(each)}: {readiness.summary(each)}" for each in found.complete),
            *(f"{objects.title(pod)} is ready" for pod in found.serving),
        ]
    )


def _one(resource: Resource, name: str, context: CheckContext) -> str:
    namespace = context.namespace if resource.namespaced else ""
    there = context.view(resource, namespace).objects()
    found = next((obj for obj in there if objects.name(obj) == name), None)
    title = f"{resource.kind.lower()}/{name}"
    if found is None and resource == JOBS:
        last = absent.last_seen(resource, name, context)
        found = last if last and readiness.has_ended(last) else None
    if found is None:
        raise absent.named(resource, name, there, context)
    if resource in (PODS, NODES):
        return _simple(found, title, context)
    pods = pods_of(found, context)
    shortfall = readiness.shortfall(found, pods)
    missing = shortfall.text if shortfall else not_shown(context, {objects.uid(found)})
    if not missing and resource != JOBS and readiness.wanted(found) == 0:
        text = "it wants 0 Pods, so being ready would prove nothing"
        raise NotMet(f"{title} in {namespace}: {text}", unknown=True)
    if missing:
        why = events.about_unready(pods, context) or events.about_creation(found, context)
        todo = stuck.remedies(pods, context, [found])
        raise NotMet(
            "; ".join([f"{title} in {namespace}: {missing}", *why, *todo]),
            final=bool(todo) or (shortfall is not None and shortfall.final),
        )
    require_begun(found, context)
    _require_acted(pods, context)
    return f"{title}: {readiness.summary(found)}"


def _require_acted(pods: Sequence[Object], context: CheckContext) -> None:
    """Not measured while the operator that these Pods belong to may still have a change to make."""
    if texts := acted.behind(pods, context):
        raise NotMet("; ".join(texts), unknown=True)


def _simple(obj: Object, title: str, context: CheckContext) -> str:
    if obj.get("kind", "Pod") == "Pod" and objects.is_finished(obj):
        text = f"{title} has ended, so it will never be ready again: {pod_state.of(obj).text}"
        raise NotMet(text, final=True)
    if not readiness.is_ready(obj) or objects.is_terminating(obj):
        condition = objects.condition(obj, "Ready")
        said = condition.get("message") or condition.get("reason") or objects.phase(obj)
        text = f"{title}: expected Ready, observed {condition.get('status', 'no condition')}"
        text += f" ({said})" if said else ""
        pods = [obj] if obj.get("kind", "Pod") == "Pod" else []
        todo = stuck.remedies(pods, context)
        why = events.about_unready(pods, context)
        raise NotMet("; ".join([text, *why, *todo]), final=bool(todo))
    if older := in_place.outdated([obj], context):
        raise NotMet("; ".join(older))
    _require_acted([obj], context)
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
    if late := not_shown(context, None):
        raise NotMet(late)
    if len(matching) < at_least:
        raise absent.too_few(selector, at_least, len(matching), context)
    _serving(matching, context)
    if older := in_place.outdated(matching, context):
        raise NotMet("; ".join(older))
    if missing := rolling(selector, context) or healing(selector, context):
        raise NotMet(missing)
    if texts := [*unrolled(context, selector), *acted.behind(matching, context)]:
        raise NotMet("; ".join(texts), unknown=True)
    verb = "is" if len(matching) == 1 else "are"
    return f"{many(len(matching), 'Pod')} {selector} {verb} ready"


def _serving(pods: Iterable[Object], context: CheckContext) -> None:
    unready = [pod for pod in pods if not readiness.serves(pod)]
    if unready:
        todo = stuck.remedies(unready, context)
        raise NotMet("; ".join([*events.about_unready(unready, context), *todo]), final=bool(todo))


def _pods_of(context: CheckContext) -> Sequence[Object]:
    return context.view(PODS, context.namespace).objects()


def _rights(ready: Any, namespace: str) -> Sequence[Right]:
    resources = {PODS}
    if isinstance(ready.target, Reference):
        resources.add(RESOURCES[ready.target.kind])
    elif ready.target == "all":
        resources |= set(WORKLOADS)
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
