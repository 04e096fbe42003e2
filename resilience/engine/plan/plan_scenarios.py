"""Compiles a plan into its three scenarios: fresh, intact, drill.

So a plan's objectives are handled like those of any scenario, with consent, journal, timeline,
abort, undo and report. The plan's `given:` (only if it creates its own subject) is each scenario's
`given:`; one check under `then:` (`plan_checks`) judges the objectives.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from resilience.engine.guard.plan_permissions import of_plan
from resilience.engine.plan import scenario_reach
from resilience.engine.plan.plan_checks import TITLES, VERBS, Judgement
from resilience.model.scenario import Plan, Scenario, Step
from resilience.model.values import Duration
from resilience.model.verb import Phase


def compiled(plan: Plan) -> tuple[Scenario, ...]:
    """The three scenarios, in order; a plan without `drill:` has two."""
    kinds = [kind for kind in TITLES if kind != "drill" or plan.drill]
    return tuple(_scenario(plan, kind) for kind in kinds)


def _scenario(plan: Plan, kind: str) -> Scenario:
    return Scenario(
        id=f"{plan.id}-{kind}",
        title=f"{plan.title}: {TITLES[kind]}",
        tags=(kind, *plan.tags),
        namespace=_named(plan),
        seed=None,
        given=tuple(_bound(step, plan) for step in plan.given),
        probes=(),
        when=(),
        then=(_step(plan, kind),),
        settle=Duration.of(0),
        shares_given=plan.shares_given,
        description=plan.description,
        place=plan.place,
    )


def _named(plan: Plan) -> str:
    """The first namespace that is not a pattern; "" without one: the target's default."""
    return next((name for name in plan.namespaces if not set(name) & set("*?[")), "")


def _bound(step: Step, plan: Plan) -> Step:
    """Lets `snapshot: this` find its plan."""
    this = step.verb.name == "snapshot" and getattr(step.parameters, "plan", "") == "this"
    if not this:
        return step
    make, rehearse = step.verb.run, step.verb.rehearse
    assert rehearse is not None
    made = dataclasses.replace(
        step.verb,
        run=lambda parameters, context: make(parameters, _Own(context, plan)),
        rehearse=lambda parameters, context: rehearse(parameters, _Own(context, plan)),
        rights=lambda parameters, namespace: of_plan(plan),
        touches=lambda parameters, namespace: scenario_reach.of_plan(plan),
    )
    return dataclasses.replace(step, verb=made)


class _Own:
    """A step's context in which `this` is a plan; everything else is unchanged."""

    def __init__(self, context: Any, plan: Plan) -> None:
        self._context, self._plan = context, plan

    def plan(self, name: str) -> Plan:
        return self._plan

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


def _step(plan: Plan, kind: str) -> Step:
    return Step(
        verb=VERBS[kind],
        parameters=Judgement(plan=plan, kind=kind),
        phase=Phase.THEN,
        path="then[0]",
        place=plan.place,
        name="",
    )
