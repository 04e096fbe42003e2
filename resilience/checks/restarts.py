"""`restarts`: how often containers were restarted since the first action.

Restarts are counted from the watch, so a restarted Pod that is gone still counts, and earlier
restarts do not: neither those of another day, nor those of `given`, where a container may have to
wait for what it depends on. A container that ended and waits for its next instance counts as
restarted: the kubelet counts only once that starts, minutes later in a crash loop. Without any Pod
that could restart, the check is not measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resilience.cluster.interface import PODS, Object
from resilience.cluster.watching.lives import living
from resilience.kube import objects, pod_state
from resilience.kube.selectors import Selector
from resilience.model.verb import Family, Phase, Right, Verb, parameter
from resilience.model.verdict import Finding, Result, Unit
from resilience.model.words import many
from resilience.verbs.context import CheckContext, NotMet


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarts:
    """Parameters of `restarts`."""

    pods: Selector = parameter("Pods with these labels.", example="app=checkout")
    at_most: int = parameter(
        "The allowed number of restarts, summed over all Pods.", default=0, at_least=0
    )


def run(restarts: Restarts, context: CheckContext) -> str:
    """One sentence with the number; NotMet with the Pods that restarted."""
    context.view(PODS, context.namespace)
    counts = _counts(restarts.pods, context)
    there = living(context.history(PODS), _first_action(context))
    if not any(_counts_here(pod, restarts.pods, context) for pod in there):
        where = f"in {context.namespace} had the labels {restarts.pods} since the first action"
        raise NotMet(f"no unfinished Pod {where}", unknown=True)
    total = sum(count for _, count in counts.values())
    who = [f"{name}: {count}" for name, count in sorted(counts.values()) if count]
    measured = f"{many(total, 'restart')} of {many(len(counts), 'Pod')}"
    measured += f" ({', '.join(who)})" if who else ""
    passed = total <= restarts.at_most
    context.add_finding(
        Finding(
            name=f"restarts.{restarts.pods}",
            result=Result.PASSED if passed else Result.FAILED,
            promised=f"at most {many(restarts.at_most, 'restart')}",
            measured=measured,
            subject=str(restarts.pods),
            limit=float(restarts.at_most),
            value=float(total),
            unit=Unit.COUNT,
            place=context.step.place,
        )
    )
    if not passed:
        raise NotMet(f"expected at most {restarts.at_most}, observed {measured}", final=True)
    return measured


def _counts(selector: Selector, context: CheckContext) -> dict[str, tuple[str, int]]:
    """uid to (title, restarts since the first action, or since it was first seen after that); a
    Pod created during the run starts at 0.
    """
    since = _first_action(context)
    first: dict[str, int] = {}
    most: dict[str, tuple[str, int]] = {}
    for event in context.history(PODS):
        pod = event.object
        if not _counts_here(pod, selector, context):
            continue
        uid, count = objects.uid(pod), objects.restarts(pod) + pod_state.restarts_due(pod)
        if uid not in first or event.received < since:
            first[uid] = count
        _, known = most.get(uid, ("", 0))
        most[uid] = (objects.title(pod), max(known, count - first[uid]))
    return most


def _counts_here(pod: Object, selector: Selector, context: CheckContext) -> bool:
    here = objects.namespace(pod) == context.namespace and not objects.is_ours(pod)
    return here and selector.matches(objects.labels(pod))


def _first_action(context: CheckContext) -> float:
    """When something was first broken; if nothing was, when `when` began."""
    moments = [each.struck for each in context.victims if each.phase is Phase.WHEN]
    moments += [each.since for each in context.changes if each.phase is Phase.WHEN]
    return min(moments, default=context.when_since)


def _rights(_: Restarts, namespace: str) -> Sequence[Right]:
    return [
        Right(verb=verb, group="", resource="pods", namespace=namespace)
        for verb in ("list", "watch")
    ]


VERB = Verb(
    name="restarts",
    family=Family.CHECK,
    parameters=Restarts,
    summary="Containers were restarted at most this many times since the first action.",
    phases=frozenset({Phase.WHEN, Phase.THEN}),
    run=run,
    describe=lambda restarts: f"at most {many(restarts.at_most, 'restart')} of {restarts.pods}",
    rights=_rights,
    example="restarts: {pods: app=checkout, at_most: 0}",
)
