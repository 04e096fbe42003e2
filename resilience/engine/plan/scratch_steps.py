"""The steps of `drill.then`: in the scratch namespace, each until it holds or its time is over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from resilience.model.scenario import Plan, Step
from resilience.model.verb import Family
from resilience.model.verdict import Finding, Result
from resilience.verbs.context import CheckContext, NotMet


def asked(plan: Plan, namespace: str, context: CheckContext) -> Iterator[Finding]:
    for step in plan.drill.then if plan.drill else ():
        yield asked_elsewhere(step, namespace, context)


def asked_elsewhere(step: Step, namespace: str, context: CheckContext) -> Finding:
    """A step of `drill.then` in the scratch namespace, repeated until it holds."""
    return _held(step, _Elsewhere(context, step, namespace), namespace)


def _held(step: Step, context: Any, namespace: str) -> Finding:
    ask: Any = step.verb.ask if step.verb.family is Family.PROBE else step.verb.run
    said: list[str] = []
    failed: list[NotMet] = []

    def holds() -> bool:
        try:
            said.append(ask(step.parameters, context))
        except NotMet as problem:
            failed[:] = [problem]
            return problem.final
        failed.clear()
        return True

    context.clock.until(holds, context.deadline)
    good = not failed
    return Finding(
        name=f"then.{step.verb.name}",
        subject=namespace,
        result=Result.PASSED if good else Result.FAILED,
        promised=step.title,
        measured=said[-1] if good else str(failed[0]),
        place=step.place,
    )


class _Elsewhere:
    """A step's context in another namespace; everything else is unchanged."""

    def __init__(self, context: CheckContext, step: Step, namespace: str) -> None:
        self._context: Any = context
        self.step = step
        self.namespace = namespace
        self.asked_since = context.clock.monotonic()
        self.deadline = self.asked_since + step.within.seconds

    def will_undo(self, data: Mapping[str, Any], text: str) -> str:
        """Recorded in the journal under the nested step's verb, because the surrounding drill could
        not undo it."""
        identity: str = self._context.will_undo_by(self.step.verb, data, text)
        return identity

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)
