"""`recovered`: how long each action's harm lasted, read from the watch.

For every action and every workload that it hit: the seconds from the strike until the harm showed
and the workload again had as many serving Pods as before. A written `within` is the promise that
each of these numbers is held against; without one it is enough that it recovered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resilience.checks.recovery import Recovery, recoveries
from resilience.cluster.interface import PODS, REPLICASETS
from resilience.model.verb import Family, Phase, Right, Verb
from resilience.model.verdict import Finding, Result, Unit
from resilience.verbs.context import CheckContext, NotMet


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """`recovered` has no parameters; `within` stands beside it."""


def run(_: Recovered, context: CheckContext) -> str:
    """One sentence with all times; NotMet while a workload has not recovered."""
    if not context.victims:
        raise NotMet("no Pod was harmed, so nothing could recover", final=True)
    context.view(REPLICASETS, context.namespace)
    found = recoveries(context.victims, context.history(PODS), context.history(REPLICASETS))
    open_ = [each for each in found if each.seconds is None]
    over = context.clock.monotonic() >= _last_moment(context)
    if open_ and not over:
        raise NotMet("; ".join(each.text for each in open_))
    promise = context.step.within.seconds if context.step.within_given else None
    findings = [_finding(each, promise, context) for each in found]
    for finding in findings:
        context.add_finding(finding)
    wrong = [finding for finding in findings if finding.result is not Result.PASSED]
    if wrong:
        raise NotMet("; ".join(f"{each.name}: {each.measured}" for each in wrong), final=True)
    return "; ".join(each.text for each in found)


def _last_moment(context: CheckContext) -> float:
    """When this check is asked for the last time: at once where `then` has no `within`."""
    once = context.step.phase is Phase.THEN and not context.step.within_given
    return context.asked_since if once else context.deadline


def _finding(recovery: Recovery, promise: float | None, context: CheckContext) -> Finding:
    promised = "recovers" if promise is None else f"recovers within {context.step.within}"
    passed = recovery.seconds is not None and (promise is None or recovery.seconds <= promise)
    return Finding(
        name=f"recovered.{recovery.step}.{recovery.workload}",
        result=Result.PASSED if passed else Result.FAILED,
        promised=promised,
        measured=recovery.text,
        subject=recovery.workload,
        limit=promise,
        value=recovery.seconds,
        unit=Unit.SECONDS,
        detail=tuple(recovery.victims),
        place=context.step.place,
    )


def _rights(_: Recovered, namespace: str) -> Sequence[Right]:
    return [Right(verb=verb, group=group, resource=resource, namespace=namespace)
            for group, resource in (("", PODS.plural), ("apps", REPLICASETS.plural))
            for verb in ("list", "watch")]  # fmt: skip


VERB = Verb(
    name="recovered",
    family=Family.CHECK,
    parameters=Recovered,
    summary="Every workload that was hit has as many serving Pods as before; says after how long.",
    phases=frozenset({Phase.WHEN, Phase.THEN}),
    run=run,
    describe=lambda _: "every action's harm is healed",
    rights=_rights,
    example="recovered: {}",
)
