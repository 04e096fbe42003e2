"""`disruption_budget`: this run pushes no disruption budget below its desired number of healthy
Pods.

A DELETE, a crash, a taint and a rollout all bypass budgets; only evictions honour them. This probe
watches the budgets all the time and fails the scenario when the run's actions left fewer Pods
healthy than a budget requires, and says which budget, when and by which action. Violations that the
run did not cause are reported, but do not fail the scenario.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resilience.kube.selectors import Selector
from resilience.model.scenario import Step
from resilience.model.verb import Complaint, Family, Phase, Right, Verb, parameter

if TYPE_CHECKING:
    from resilience.verbs.context import ProbeContext, RunningProbe


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Parameters of `budget`."""

    selector: Selector | None = parameter(
        "Only budgets that select Pods with these labels.", default=None, example="app=checkout"
    )
    namespace: str = parameter("Namespace of the budgets, if not the scenario's.", default="")
    everywhere: bool = parameter(
        "Budgets of all namespaces, since a drain evicts Pods of many.", default=False
    )


def _check(budget: Budget) -> Sequence[Complaint]:
    if not (budget.everywhere and budget.namespace):
        return ()
    text = "`everywhere: true` and a namespace contradict each other"
    return (Complaint(field="namespace", message=text, expected="one of the two"),)


def where(budget: Budget, namespace: str) -> str:
    """The namespace to watch, "" for all."""
    return "" if budget.everywhere else budget.namespace or namespace


def _describe(budget: Budget) -> str:
    which = f" of Pods {budget.selector}" if budget.selector else ""
    place = " anywhere" if budget.everywhere else ""
    return f"no disruption budget{which}{place} is violated by this run"


def _rights(budget: Budget, namespace: str) -> Sequence[Right]:
    space = where(budget, namespace)
    return [Right(verb=verb, group=group, resource=resource, namespace=space)
            for group, resource in (("policy", "poddisruptionbudgets"), ("", "pods"))
            for verb in ("list", "watch")]  # fmt: skip


def run(step: Step, context: ProbeContext) -> RunningProbe:
    """Begin to watch."""
    from resilience.probes.kinds.budget_watch import BudgetProbe

    budget: Any = step.parameters
    return BudgetProbe(step, context, budget.selector, where(budget, context.namespace))


VERB = Verb(
    name="disruption_budget",
    family=Family.PROBE,
    summary="This run never pushes a PodDisruptionBudget below its desired healthy count.",
    parameters=Budget,
    phases=frozenset({Phase.WHILE}),
    never={"agents": "it reads a watch of the API server, which is the same on every node"},
    run=run,
    describe=_describe,
    check=_check,
    measures=False,
    rights=_rights,
    example="disruption_budget: {selector: app=checkout}",
)
