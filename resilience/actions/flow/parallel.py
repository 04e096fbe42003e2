"""`parallel`: several steps at the same time, for faults that coincide."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from resilience.actions.flow import inner_steps
from resilience.model.scenario import Step
from resilience.model.verb import Family, Phase, Verb, parameter
from resilience.verbs.context import FlowContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallel:
    """Parameters of `parallel`."""

    steps: tuple[Step, ...] = parameter("Steps to start at the same time.", at_least=2)


def run(parallel: Parallel, context: FlowContext) -> None:
    """All steps run to completion. If several fail, the first of them as written decides the
    outcome."""
    with ThreadPoolExecutor(len(parallel.steps)) as pool:
        under_way = [pool.submit(context.perform, step) for step in parallel.steps]
    for each in under_way:
        each.result()


VERB = Verb(
    name="parallel",
    family=Family.FLOW,
    summary="Run several steps at the same time.",
    parameters=Parallel,
    phases=frozenset({Phase.WHEN}),
    run=run,
    rehearse=run,
    describe=lambda parallel: " and ".join(step.title for step in parallel.steps),
    shorthand="steps",
    bounds=lambda parallel: inner_steps.at_once(parallel.steps),
    example="parallel: [{kill: {pods: app=web}}, {kill: {pods: app=db}}]",
)
