"""Determines what a scenario would do: exact victims, the API server's own answers, budgets.

The verbs choose as in the real run, from the same random streams, on a cluster that accepts writes
as dryRun=All only. Time does not pass; each wait ends at once. Each step sees the current cluster,
not the state that earlier steps would leave; where that matters, the answer says so. Dry-run
evictions do not add up on the API server, so what budgets still allow is computed here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

from resilience.cluster.errors import ClusterError, NotFound
from resilience.cluster.interface import BUDGETS, Cluster, Object
from resilience.drain.budgets import needs_budget, selects, unprocessed
from resilience.engine.base.abort import Aborter
from resilience.engine.base.real_clock import EngineClock
from resilience.engine.base.run_options import Options
from resilience.engine.base.timeline import Timeline
from resilience.engine.journal.journal import Journal
from resilience.engine.run.contexts import StepContext
from resilience.engine.run.state import RunState
from resilience.kube import objects
from resilience.model.scenario import Scenario, Step
from resilience.model.timeline import Entry, What
from resilience.model.verb import Family
from resilience.model.verdict import Outcome
from resilience.verbs.context import ActionFailed, Attempt, Fate, NotMet


@dataclass(slots=True)
class Rehearsed:
    """One step. `victims` are (namespace, name) of Pods; `trouble` is the objection of the API
    server or the verb."""

    step: Step
    lines: list[str] = field(default_factory=list)
    victims: list[tuple[str, str]] = field(default_factory=list)
    trouble: str = ""


def rehearse(
    scenario: Scenario, cluster: Cluster, options: Options, clock: EngineClock
) -> list[Rehearsed]:
    """The dry run of every step, in order. `cluster` must be wrapped by
    `resilience.cluster.dry`."""
    return _Rehearsal(scenario, cluster, options, clock).all()


def told(steps: Sequence[Rehearsed]) -> Iterator[str]:
    """For a terminal."""
    for each in steps:
        yield f"{each.step.phase.value}: {each.step.title}"
        yield from (f"    {line}" for line in each.lines)
        if each.trouble:
            yield f"    now: {each.trouble}"


class _Enough(BaseException):
    """The step waits for the effect of its action. Not an Exception, so that no verb catches it."""


class StandingClock:
    """A clock that advances only by waiting, without delay."""

    def __init__(self, clock: EngineClock) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        self._skipped = 0.0

    def monotonic(self) -> float:
        """The time after all waits so far."""
        return self._began + self._skipped

    def wall(self) -> float:
        """The real time, because ages of Pods depend on it."""
        return self._clock.wall()

    def wait(self, seconds: float) -> None:
        """Advance the clock at once."""
        self._skipped += max(0.0, seconds)

    def until(self, holds: Callable[[], bool], deadline: float) -> bool:
        """A condition that does not hold already never will, so the dry run of this step ends
        here."""
        if not holds():
            raise _Enough
        return True

    def poke(self) -> None:
        """Nothing waits."""

    def checking(self, check: Callable[[], None]) -> StandingClock:
        """Nothing ends early."""
        return self


class _Rehearsal:
    """One dry run; each instance is used once."""

    def __init__(
        self, scenario: Scenario, cluster: Cluster, options: Options, clock: EngineClock
    ) -> None:
        standing = StandingClock(clock)
        self._scenario = scenario
        self._found: list[Rehearsed] = []
        self._state = RunState.of(
            scenario,
            cluster=cluster,
            options=options,
            clock=standing,
            aborter=Aborter(),
            timeline=Timeline(standing, self._hear),
            journal=Journal([]),
        )

    def all(self) -> list[Rehearsed]:
        scenario = self._scenario
        with self._state.views:
            for step in (*scenario.given, *scenario.probes, *scenario.when, *scenario.then):
                self.perform(step, inf)
        return self._found

    def perform(self, step: Step, limit: float) -> None:
        """Also for flow verbs: the next step is tried even if one is objected to."""
        self.attempt(step, limit)

    def attempt(self, step: Step, limit: float) -> Attempt:
        mine = Rehearsed(step)
        self._found.append(mine)
        if step.verb.family in (Family.CHECK, Family.PROBE):
            mine.lines += _promises(step)
            return Attempt(Outcome.PASSED, "", denied=False)
        if step.verb.rehearse is None:
            mine.lines.append("only described: a dry run of this step is not possible")
            return Attempt(Outcome.PASSED, "", denied=False)
        context = _Watched(self._state, step, self._state.clock.monotonic() + step.within.seconds,
                           self, mine)  # fmt: skip
        try:
            self._state.options.guard.before(step)
            step.verb.rehearse(step.parameters, context)
        except _Enough:
            pass
        except (ActionFailed, NotMet, ClusterError) as error:
            if namespace := _missing_namespace(error):
                mine.lines.append(f"cannot be checked before namespace {namespace} exists")
            else:
                mine.trouble = str(error)
        mine.lines += self._headroom(context.chosen, step)
        if step.verb.undo_text and step.verb.family is Family.ACTION:
            mine.lines.append(f"undo: {step.verb.undo_text}")
        if step.verb.residue_text:
            mine.lines.append(f"stays: {step.verb.residue_text}")
        return Attempt(Outcome.PASSED, mine.trouble, denied=bool(mine.trouble))

    def _hear(self, entry: Entry) -> None:
        if entry.what is What.NOTE and self._found:
            self._found[-1].lines.append(entry.text)

    def _headroom(self, chosen: Sequence[Object], step: Step) -> Iterator[str]:
        """Budget by budget: what it allows now, and how many of its Pods the step affects."""
        for namespace in sorted({objects.namespace(pod) for pod in chosen}):
            try:
                budgets = self._state.cluster.list(BUDGETS, namespace)
            except ClusterError as error:
                yield f"budgets are unknown: {error}"
                continue
            for budget in budgets:
                taken = sum(selects(budget, pod) and needs_budget(pod, budget) for pod in chosen)
                if taken:
                    yield _allowance(budget, taken)


def _missing_namespace(error: Exception) -> str:
    """The missing namespace because of which the API server could not answer; "" for any other
    reason."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, NotFound):
        cause = cause.__cause__
    found = re.search(r'namespaces "([^"]+)" not found', str(cause)) if cause else None
    return found[1] if found else ""


def _allowance(budget: Object, taken: int) -> str:
    if why := unprocessed(budget):
        return f"budget {objects.title(budget)} {why}"
    allowed = int((budget.get("status") or {}).get("disruptionsAllowed", 0))
    then = "" if taken <= allowed else "; more than it allows at once"
    return f"budget {objects.title(budget)} allows {allowed} now, this step needs {taken}{then}"


def _promises(step: Step) -> Iterator[str]:
    if step.rate is not None:
        yield f"{step.verb.describe(step.parameters)}, {step.rate}"
    if step.verb.family is Family.CHECK and step.within_given:
        yield f"within {step.within}"


class _Watched(StepContext):
    """Reports which victims the step would harm."""

    def __init__(self, state: RunState, step: Step, deadline: float, performer: Any,
                 into: Rehearsed) -> None:  # fmt: skip
        asked = _Answers(into)
        cluster: Any = state.cluster
        own = replace(state, cluster=cluster.through(asked))
        super().__init__(own, step, deadline, performer)
        self._into = into
        self.chosen: list[Object] = []

    def victim(self, obj: Object, why: str, fate: Fate = Fate.GONE) -> None:
        self.chosen.append(obj)
        self._into.victims.append((objects.namespace(obj), objects.name(obj)))
        workload = self._state.owners.workload(obj).title
        node = f" on {objects.node(obj)}" if objects.node(obj) else ""
        self._into.lines.append(f"victim {objects.title(obj)}{node} ({workload})")

    def spare(self, obj: Object) -> None:
        self._into.lines.append(f"{objects.title(obj)} would not be harmed now")

    def affected(self, obj: Object, text: str, *, now: Object | None = None) -> None:
        self._into.lines.append(text)

    def proof(self, text: str, facts: Any) -> None:
        """Nothing took effect, so there is no proof."""

    def will_undo(self, data: Any, text: str) -> str:
        return self._state.journal.record(self.step.verb.name, self.step.path, data, text)


class _Answers:
    """Writes are sent as dryRun=All; the API server's answers are recorded."""

    def __init__(self, into: Rehearsed) -> None:
        self._into = into

    def __call__(self, call: Any, send: Callable[[Any], Object]) -> Object:
        from resilience.cluster.dry import READS, ask

        answer = ask(call, send)
        if call.method not in READS:
            self._into.lines.append(f"the API server would accept {call.method} {call.path}")
        return answer
