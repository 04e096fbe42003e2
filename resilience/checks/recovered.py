"""`recovered`: how long each action's disruption lasted, as seen by the watch.

For every action and every affected workload: the seconds from the action until the disruption was
visible and the workload again had as many serving Pods as before, or as many as it wants now if
that is fewer. A `within` is the limit for each of these numbers; without one it is enough that the
workload recovered. Pods that did not serve before do not have to come back; if none served, no
recovery was measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from resilience.checks import events, recovering, stuck
from resilience.checks.recovery import Recovery
from resilience.cluster.interface import PODS, Object
from resilience.cluster.survey import WORKLOADS
from resilience.kube import objects
from resilience.model.finding import unobserved
from resilience.model.timeline import What
from resilience.model.verb import Family, Phase, Right, Verb
from resilience.model.verdict import Figure, Finding, Result, Unit
from resilience.verbs.context import CheckContext, NotMet

STEADY = 10.0
"""Seconds that a restarted container must stay up not to count as a crash loop: the first back-off
is that long."""

_KINDS = frozenset(resource.kind.lower() for resource in WORKLOADS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """`recovered` has no parameters; `within` is the step's own key."""


def run(_: Recovered, context: CheckContext) -> str:
    """One sentence with all times; NotMet while a workload has not recovered."""
    if not context.victims:
        return _nobody(context)
    found = recovering.found(context.victims, context)
    open_ = [each for each in found if each.seconds is None]
    over = context.clock.monotonic() >= _last_moment(context)
    if open_ and not over and not _stuck(open_, context):
        raise NotMet("; ".join(_why(open_, context)))
    if (crashing := _crashing(found, context)) and not over:
        raise NotMet("; ".join(crashing))
    promise = context.step.within.seconds if context.step.within_given else None
    for vain in (each for each in found if each.vain and each.seconds is not None):
        context.note(What.NOTE, vain.text)
    judged = [each for each in found if each.seconds is None or not each.vain]
    if not judged:
        raise NotMet(_in_vain(found), final=True, unknown=True)
    findings = [_finding(each, promise, context) for each in judged]
    for finding in findings:
        context.add_finding(finding)
    wrong = [finding for finding in findings if finding.result is not Result.PASSED]
    if wrong:
        texts = [f"{each.name}: {each.measured}" for each in wrong]
        unknown = all(finding.result is Result.NOT_MEASURED for finding in wrong)
        raise NotMet("; ".join(texts), final=True, unknown=unknown)
    return "; ".join(each.text for each in found)


def _in_vain(found: Sequence[Recovery]) -> str:
    harmed = any(each.unwanted for each in found)
    why = "no recovery was measured" if harmed else "no serving Pod was harmed"
    return f"{why}: {'; '.join(each.text for each in found)}"


def _crashing(found: Sequence[Recovery], context: CheckContext) -> list[str]:
    """Workloads with a container that was restarted too recently to know whether it stays up."""
    now = context.clock.monotonic()
    return [
        f"{each.workload} serves, but a container was started again less than {STEADY:g}s ago"
        for each in found
        if each.restarted is not None and now - each.restarted < STEADY
    ]


def _nobody(context: CheckContext) -> str:
    """The result without a victim: good if all removed Pods had already finished."""
    if not context.finished:
        text = _unharmed(context)
        raise NotMet(text, final=True, unknown=True)
    text = f"only finished Pods were removed ({', '.join(context.finished)}): none has to come back"
    context.note(What.NOTE, text)
    return text


def _unharmed(context: CheckContext) -> str:
    """No action chose Pods. One may have changed what makes them, which `ready` judges."""
    changed = [each.text for each in context.changes if each.phase is Phase.WHEN]
    if not changed:
        return "no Pod was harmed, so there was nothing to recover"
    return (
        f"`recovered` follows the Pods that an action chose, and none did ({'; '.join(changed)}):"
        " judge the change with `ready`, or with a probe"
    )


def _why(open_: Sequence[Recovery], context: CheckContext) -> list[str]:
    return [*(each.text for each in open_), *_reasons(open_, context)]


def _reasons(open_: Sequence[Recovery], context: CheckContext) -> list[str]:
    """Why the Pods that should have come back do not serve, in the words of `ready`."""
    unready = {objects.uid(pod): pod for each in open_ for pod in each.unready}
    told = [*events.about_unready(unready.values(), context), *_not_made(open_, context)]
    return [*told, *_stuck(open_, context)]


def _not_made(open_: Sequence[Recovery], context: CheckContext) -> Iterator[str]:
    """Why Pods do not exist: their workload is gone, or they are not admitted."""
    workloads = _by_title(context)
    for each in open_:
        living = [pod for pod in each.unready if not objects.is_terminating(pod)]
        if each.serving + len(living) >= each.due:
            continue
        if each.workload.startswith("bare Pod "):
            yield "nothing recreates a bare Pod"
        elif owner := workloads.get(each.workload):
            yield from events.about_creation(owner, context)
        elif each.workload.partition("/")[0] in _KINDS and _is_here(each, context):
            yield f"{each.workload} does not exist any more"


def _is_here(recovery: Recovery, context: CheckContext) -> bool:
    return all(each.startswith(f"{context.namespace}/") for each in recovery.victims)


def _by_title(context: CheckContext) -> dict[str, Object]:
    """The workloads of the namespace, as `deployment/web`."""
    return {
        f"{resource.kind.lower()}/{objects.name(workload)}": workload
        for resource in WORKLOADS
        for workload in context.view(resource, context.namespace).objects()
    }


def _stuck(open_: Sequence[Recovery], context: CheckContext) -> list[str]:
    """What to do if waiting cannot bring the new Pods."""
    unready = {objects.uid(pod): pod for each in open_ for pod in each.unready}
    titles = {each.workload for each in open_}
    owners = [found for title, found in _by_title(context).items() if title in titles]
    return stuck.remedies(unready.values(), context, owners)


def _last_moment(context: CheckContext) -> float:
    """When this check is evaluated for the last time: at once if the step under `then` has no
    `within`."""
    once = context.step.phase is Phase.THEN and not context.step.within_given
    return context.asked_since if once else context.deadline


def _finding(recovery: Recovery, promise: float | None, context: CheckContext) -> Finding:
    promised = "recovery" if promise is None else f"recovery within {context.step.within}"
    result = _result(recovery, promise)
    why = _reasons([recovery], context) if recovery.seconds is None else []
    return Finding(
        name=f"recovered.{recovery.step}.{recovery.workload}",
        figure=Figure.RECOVERY,
        result=result,
        promised=promised,
        measured="; ".join([recovery.text, *why]),
        subject=recovery.workload,
        limit=promise,
        value=recovery.seconds,
        low=recovery.fewest,
        high=recovery.seconds,
        reason=unobserved(result),
        unit=Unit.SECONDS,
        detail=tuple(recovery.victims),
        place=context.step.place,
    )


def _result(recovery: Recovery, promise: float | None) -> Result:
    """Judge by the best and the worst case, between which the cluster was not observed."""
    if recovery.seconds is None:
        return Result.FAILED
    if promise is None or recovery.seconds <= promise:
        return Result.PASSED
    assert recovery.fewest is not None
    return Result.FAILED if recovery.fewest > promise else Result.NOT_MEASURED


def _rights(_: Recovered, namespace: str) -> Sequence[Right]:
    return [Right(verb=verb, group=each.group, resource=each.plural, namespace=namespace)
            for each in (PODS, *WORKLOADS) for verb in ("list", "watch")]  # fmt: skip


VERB = Verb(
    name="recovered",
    family=Family.CHECK,
    parameters=Recovered,
    summary="Every affected workload has as many serving Pods as before, or as many as it wants "
    "now; reports how long that took.",
    phases=frozenset({Phase.WHEN, Phase.THEN}),
    run=run,
    describe=lambda _: "every action's disruption is over",
    rights=_rights,
    example="recovered: {}",
)
