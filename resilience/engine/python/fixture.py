"""The engine for tests in Python: everything that a YAML scenario can do, as calls inside a test.

    def test_node_loss(resilience):
        with resilience.probe.http(service="checkout", rate="50/s") as checkout:
            resilience.kill(pods="app=checkout", count=1)
            resilience.ready("deployment/checkout", within="60s")
        assert checkout.longest_outage < 2

Every verb of the catalogue is a method; a call takes the keys of the step. An action that fails
raises StepFailed; a check that does not hold raises NotHeld (an AssertionError). When the test is
over, all changes are undone in any case, newest first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Any

from resilience.engine.evidence import verdict
from resilience.engine.evidence.victims import Affected, Struck
from resilience.engine.python import how_it_ended, python_calls
from resilience.engine.python.how_it_ended import NotHeld, StepFailed, UndoIncomplete, UnknownVerb
from resilience.engine.python.measured import Measured, NotMeasured
from resilience.engine.run import settle as harm
from resilience.engine.run.probe_group import Deck
from resilience.engine.run.run import Run
from resilience.engine.run.steps import Stopped
from resilience.model.report import RunRecord
from resilience.model.scenario import DEFAULT_SETTLE, Step
from resilience.model.timeline import Entry
from resilience.model.values import Duration
from resilience.model.verb import Catalogue, Family, Phase, Verb
from resilience.model.verdict import Finding, Outcome, Result, Window
from resilience.report import wording

__all__ = ["NotHeld", "NotMeasured", "Resilience", "StepFailed", "UndoIncomplete", "UnknownVerb"]

_ACTION = Family.ACTION.value
_OF_CHECKS = (Outcome.SERVICE_FAILED, Outcome.NOT_MEASURED)


class Resilience:
    """One test's engine; a context manager that undoes everything."""

    def __init__(self, run: Run, catalogue: Catalogue) -> None:
        run.decided = True
        self._run = run
        self._catalogue = catalogue
        self._count = 0
        self._unused: list[Step] = []
        """Probes that were created but not entered yet."""
        self._state = run.state
        self._way = run.under_way()
        self.probe = Probes(self)

    def __enter__(self) -> Resilience:
        self._way.__enter__()
        try:
            self._run.open()
        except BaseException:
            self._way.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self.ended(error)
        self._way.__exit__(None, None, None)
        if left := self._run.leftovers:
            raise UndoIncomplete(
                f"left in the cluster; `{self._state.options.recovery}` tries again:\n  "
                + "\n  ".join(left)
            ) from error
        if self._unused and self._run.trouble is None:
            names = ", ".join(f"`{step.name or step.verb.name}`" for step in self._unused)
            forgotten = NotMeasured(
                f"the probe {names} was never entered, so nothing was measured; write"
                " `with resilience.probe...(...) as name:` around what is to be measured"
            )
            self.ended(forgotten)
            raise forgotten

    def ended(self, error: BaseException) -> None:
        """Record the exception that the test raised, which decides the outcome; if this is never
        called, the test has passed."""
        self._run.trouble = how_it_ended.trouble(error)

    def record(self) -> RunRecord:
        """Everything known about the test, once the block has ended."""
        return self._run.record()

    @property
    def started(self) -> float:
        """When the test began, on the clock of the timeline."""
        return self._run.started

    @property
    def aborted(self) -> bool:
        """Whether something ended it early, for example a signal."""
        return self._state.aborter.aborted

    @property
    def seed(self) -> int:
        """The source of random choices."""
        return self._state.seed

    @property
    def victims(self) -> Sequence[Struck]:
        """Pods disrupted so far."""
        return tuple(self._state.victims)

    @property
    def findings(self) -> Sequence[Finding]:
        """The findings so far, for example times to recover."""
        return tuple(self._state.findings)

    @property
    def timeline(self) -> Sequence[Entry]:
        """Everything that happened so far."""
        return self._state.timeline.entries()

    def __getattr__(self, name: str) -> Callable[..., None]:
        verb = self._catalogue.find(name)
        if not isinstance(verb, Verb) or verb.family is Family.PROBE:
            raise UnknownVerb(self._no_verb(name, verb))

        def call(*values: Any, **keys: Any) -> None:
            self.perform(self.step(verb, values, keys))

        call.__doc__ = verb.summary
        return call

    def _no_verb(self, name: str, verb: object) -> str:
        if isinstance(verb, Verb):
            return f"`{name}` is a probe: write `with resilience.probe.{name}(...) as probe:`"
        return f"unknown verb `{name}`; there are: {', '.join(self._catalogue.names())}"

    def step(self, verb: Verb, values: tuple[Any, ...], keys: dict[str, Any]) -> Step:
        """The step for a call, with its own path for the random stream."""
        step = python_calls.step_of(verb, values, keys, self._catalogue, self._state.directory)
        if verb.family is Family.CHECK and Phase.GIVEN in verb.phases and not self._acted():
            step = replace(step, phase=Phase.GIVEN)
        self._count += 1
        return replace(step, path=f"call[{self._count - 1}]", place=python_calls.caller())

    def _acted(self) -> bool:
        """Whether an action has been tried; a check that fails before that says nothing about the
        service."""
        return any(
            done.record.phase == Phase.WHEN.value and done.record.facts["family"] == _ACTION
            for done in self._state.done
        )

    def perform(self, step: Step) -> None:
        """Carry out one step now."""
        try:
            self._run.steps.perform(step)
        except Stopped as stopped:
            outcome, text = stopped.done.outcome, f"{step.title}: {stopped.done.record.message}"
            if step.verb.family is not Family.ACTION and outcome in _OF_CHECKS:
                raise NotHeld(text, outcome) from None
            raise StepFailed(text, outcome) from None
        # A signal's exception may have been lost inside the step (in a destructor, for example):
        # the test must not wait for a run that is over.
        self._state.aborter.check()

    @contextmanager
    def measuring(self, step: Step, settle: Duration, promised: bool) -> Iterator[Measured]:
        """A probe around a block; when the block ends, the probe settles and is judged."""
        self._unused.remove(step)
        state, deck, measured = self._state, self._run.deck(), Measured(step.name)
        try:
            deck.start((step,))
            deck.wait_steady()
            deck.watch()
            began, done, state.struck_at = state.clock.monotonic(), len(state.done), None
            state.when_at = began if state.when_at is None else state.when_at
            yield measured
            until = harm.wait_until_over(state, state.clock.monotonic() + settle.seconds)
            deck.finish()
        finally:
            deck.stop()
        since = state.struck_at if state.struck_at is not None else began
        window = Window(since=since, until=until)
        judged, self._run.window = deck.judge(window), _both(self._run.window, window)
        steps = [each.record for each in state.done[done:]]
        judged += self._vacuous(deck, began)
        judged = verdict.stopped(judged, state.aborter.why)
        findings = verdict.explain(judged, steps, self.timeline, began)
        measured.judged(findings)
        if promised:
            self._run.judged += judged
            _hold(findings)

    def _vacuous(self, deck: Deck, began: float) -> list[Finding]:
        """Findings of a block whose actions could not have been noticed. A block without an action
        measures on purpose what is whole."""

        def inside(each: Struck | Affected) -> bool:
            return (each.struck if isinstance(each, Struck) else each.since) >= began

        acted = any(map(inside, self._state.victims)) or any(map(inside, self._state.affected))
        return list(deck.vacuous(inside)) if acted else []


def _both(first: Window | None, second: Window) -> Window:
    """The span from the first measured block to the end of the last."""
    return second if first is None else replace(second, since=min(first.since, second.since))


class Probes:
    """`resilience.probe.http(...)`: each probe of the catalogue as a context manager."""

    def __init__(self, owner: Resilience) -> None:
        self._owner = owner

    def __getattr__(self, name: str) -> Callable[..., Any]:
        verb = self._owner._catalogue.find(name)
        if not isinstance(verb, Verb) or verb.family is not Family.PROBE:
            raise UnknownVerb(f"there is no probe `{name}`; there are: {self._names()}")

        def call(*values: Any, settle: str = str(DEFAULT_SETTLE), **keys: Any) -> Any:
            # A finding without a number is an objective by itself, such as whether a budget was
            # kept.
            promised = "objective" in keys or not verb.measures
            step = self._owner.step(verb, *_url(values, keys))
            if not promised:
                step = python_calls.measuring(step, Measured.everything)
            self._owner._unused.append(step)  # a forgotten `with` must not go unnoticed
            return self._owner.measuring(step, Duration.parse(settle), promised)

        call.__doc__ = verb.summary
        return call

    def _names(self) -> str:
        known = self._owner._catalogue
        found = ((name, known.find(name)) for name in known.names())
        return ", ".join(
            name for name, verb in found if isinstance(verb, Verb) and verb.family is Family.PROBE
        )


def _url(values: tuple[Any, ...], keys: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A URL alone may be given without its key."""
    first = str(values[0]) if len(values) == 1 else ""
    if first.startswith(("http://", "https://")):
        return (), {"url": first, **keys}
    return values, keys


def _hold(findings: Sequence[Finding]) -> None:
    wrong = [finding for finding in findings if finding.result is not Result.PASSED]
    if wrong:
        said: set[str] = set()
        text = "\n".join(line for each in wrong for line in wording.lines(each, said))
        raise NotHeld(text, verdict.decide((), wrong, None, ()))
