"""`expect_refused`: the API server must refuse this step, for instance because of a budget.

It proves that a safeguard of the cluster works. If the step succeeds, the service fails; if it
fails for another reason (nothing to do, a missing Pod, a manifest that cannot be read, a guard of
this project), that is an error, because it proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from resilience.actions.flow import inner_steps
from resilience.model.scenario import Step
from resilience.model.timeline import What
from resilience.model.verb import Family, Phase, Verb, parameter
from resilience.model.verdict import Outcome
from resilience.verbs.context import ActionFailed, FlowContext, NotMet
from resilience.verbs.context import Refused as RefusedByGuard


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Parameters of `expect_refused`."""

    step: Step = parameter("The step that must be refused.")


def run(refused: Refused, context: FlowContext) -> None:
    """Try the step; NotMet if the API server allowed it."""
    attempt = context.attempt(refused.step)
    if attempt.outcome is Outcome.PASSED:
        raise NotMet(f"expected a refusal, but the API server allowed: {refused.step.title}")
    if attempt.outcome is Outcome.REFUSED:
        raise RefusedByGuard(attempt.message)
    if not attempt.denied:
        raise ActionFailed(
            f"{refused.step.title} failed, but no rule of the cluster refused it: {attempt.message}"
        )
    context.note(What.PROOF, f"refused as it should be: {attempt.message}")


VERB = Verb(
    name="expect_refused",
    family=Family.FLOW,
    summary="Expect the API server to refuse a step, for instance because of a budget.",
    parameters=Refused,
    phases=frozenset({Phase.WHEN}),
    run=run,
    rehearse=run,
    describe=lambda refused: f"expect refusal of: {refused.step.title}",
    shorthand="step",
    bounds=lambda refused: inner_steps.bounds(refused.step),
    example="expect_refused: {evict: {pods: app=web, count: all}}",
)
