"""`choose`: one of several steps, chosen by the seed."""

from __future__ import annotations

from dataclasses import dataclass

from resilience.actions.flow import inner_steps
from resilience.model.scenario import Step
from resilience.model.values import Duration
from resilience.model.verb import Family, Phase, Verb, parameter
from resilience.verbs.context import FlowContext


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf:
    """Parameters of `choose`."""

    steps: tuple[Step, ...] = parameter("Steps to choose from.", at_least=2)


def run(one_of: OneOf, context: FlowContext) -> None:
    """Choose with the random stream of this step."""
    context.perform(context.random.choice(one_of.steps))


def _bounds(one_of: OneOf) -> tuple[Duration, Duration]:
    pairs = [inner_steps.bounds(step) for step in one_of.steps]
    return min(pair[0] for pair in pairs), max(pair[1] for pair in pairs)


VERB = Verb(
    name="choose",
    family=Family.FLOW,
    summary="Run one of several steps, chosen by the seed.",
    parameters=OneOf,
    phases=frozenset({Phase.WHEN}),
    run=run,
    rehearse=run,
    describe=lambda one_of: "one of: " + ", ".join(step.title for step in one_of.steps),
    shorthand="steps",
    bounds=_bounds,
    example="choose: [{kill: {pods: app=web}}, {restart: deployment/web}]",
)
