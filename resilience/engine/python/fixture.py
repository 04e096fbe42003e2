"""The engine for people who prefer Python: what a YAML scenario does, as calls inside a test.

    def test_node_loss(resilience):
        with resilience.probe.http(service="checkout", rate="50/s") as checkout:
            resilience.kill(pods="app=checkout", count=1)
            resilience.ready("deployment/checkout", within="60s")
        assert checkout.longest_outage < 2

Every verb of the catalogue is a method; a call takes the keys of the step. An action that cannot
do what was asked raises StepFailed, a check that does not hold NotHeld (an AssertionError). When
the test is over, whatever happened in it, all changes are undone, newest first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from resilience.cluster.interface import Cluster
from resilience.engine.base import seeds
from resilience.engine.base.abort import Aborter
from resilience.engine.base.real_clock import EngineClock
from resilience.engine.base.run_options import Options
from resilience.engine.base.timeline import Timeline
from resilience.engine.evidence import verdict
from resilience.engine.evidence.owners import Owners
from resilience.engine.evidence.victims import Struck
from resilience.engine.evidence.watch_recorder import Witness
from resilience.engine.journal.journal import Journal
from resilience.engine.journal.undo import shielded
from resilience.engine.python import python_calls
from resilience.engine.python.measured import Measured, NotMeasured
from resilience.engine.run import looking, teardown
from resilience.engine.run import settle as harm
from resilience.engine.run.probe_group import Deck
from resilience.engine.run.scenario import new_id
from resilience.engine.run.state import RunState
from resilience.engine.run.steps import Steps, Stopped
from resilience.engine.run.views import Views
from resilience.model.masks import shown
from resilience.model.scenario import DEFAULT_SETTLE, Step
from resilience.model.timeline import Entry
from resilience.model.values import Duration
from resilience.model.verb import Catalogue, Family, Verb
from resilience.model.verdict import Finding, Outcome, Result, Window
from resilience.report import wording

_OF_CHECKS = (Outcome.SERVICE_FAILED, Outcome.NOT_MEASURED)


class StepFailed(Exception):
    """An action could not be carried out; `outcome` says whose fault that is."""

    def __init__(self, text: str, outcome: Outcome) -> None:
        super().__init__(shown(text))
        self.outcome = outcome


class NotHeld(AssertionError):
    """A check or an objective does not hold."""

    def __init__(self, text: str) -> None:
        super().__init__(shown(text))


class UndoIncomplete(Exception):
    """Something of this test is still in the cluster."""


class Resilience:
    """One test's engine; a context manager that puts everything back."""

    def __init__(
        self,
        *,
        cluster: Cluster,
        catalogue: Catalogue,
        options: Options,
        clock: EngineClock,
        journal: Journal,
        emit: Callable[[Entry], None],
        aborter: Aborter,
        directory: Path,
        title: str,
    ) -> None:
        self._clock = clock
        self._catalogue = catalogue
        self._title = title
        self._count = 0
        self._unused: list[Step] = []
        """Probes that were made and not entered yet."""
        own = clock.checking(aborter.check)
        self._state = RunState(
            run=options.run or new_id(clock.wall()),
            seed=options.seed if options.seed is not None else seeds.fresh(),
            namespace=options.namespace,
            directory=directory,
            cluster=cluster,
            options=options,
            clock=own,
            aborter=aborter,
            timeline=Timeline(clock, emit),
            journal=journal,
            views=Views(cluster, own),
            owners=Owners(cluster),
        )
        self._stack = ExitStack()
        self._steps = Steps(self._state)
        self._cancel = aborter.on_abort(clock.poke)
        self.probe = Probes(self)

    def __enter__(self) -> Resilience:
        self._state.views.__enter__()
        self._state.views.listen(Witness(self._state.timeline))
        state = self._state
        state.sight = looking.sight(
            state.options, state.cluster, state.views, self._clock, self._stack
        )
        teardown.begin(self._state, self._title)
        self._state.open_views()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        left: list[str] = []
        shielded(lambda: left.extend(teardown.put_back(self._state, self._clock)),
                 self._state.aborter)  # fmt: skip
        self._stack.close()
        self._state.views.__exit__(kind, error, trace)
        self._state.journal.close()
        self._cancel()
        if left:
            raise UndoIncomplete(
                f"left in the cluster; `{self._state.options.recovery}` tries again:\n  "
                + "\n  ".join(left)
            ) from error
        if self._unused and error is None:
            names = ", ".join(f"`{step.name or step.verb.name}`" for step in self._unused)
            raise NotMeasured(
                f"the probe {names} was never entered, so nothing was measured; write"
                " `with resilience.probe...(...) as name:` around what is to be measured"
            )

    @property
    def seed(self) -> int:
        """What random choices come from."""
        return self._state.seed

    @property
    def victims(self) -> Sequence[Struck]:
        """Pods harmed so far."""
        return tuple(self._state.victims)

    @property
    def findings(self) -> Sequence[Finding]:
        """Named results so far, for example times to recover."""
        return tuple(self._state.findings)

    @property
    def timeline(self) -> Sequence[Entry]:
        """Everything that happened so far."""
        return self._state.timeline.entries()

    def __getattr__(self, name: str) -> Callable[..., None]:
        verb = self._catalogue.find(name)
        if not isinstance(verb, Verb) or verb.family is Family.PROBE:
            raise AttributeError(self._no_verb(name, verb))

        def call(*values: Any, **keys: Any) -> None:
            self.perform(self.step(verb, values, keys))

        call.__doc__ = verb.summary
        return call

    def _no_verb(self, name: str, verb: object) -> str:
        if isinstance(verb, Verb):
            return f"`{name}` measures: write `with resilience.probe.{name}(...) as probe:`"
        return f"unknown verb `{name}`; there are: {', '.join(self._catalogue.names())}"

    def step(self, verb: Verb, values: tuple[Any, ...], keys: dict[str, Any]) -> Step:
        """The step that a call stands for, with a path of its own for its random stream."""
        from dataclasses import replace

        step = python_calls.step_of(verb, values, keys, self._catalogue, self._state.directory)
        self._count += 1
        return replace(step, path=f"call[{self._count - 1}]")

    def perform(self, step: Step) -> None:
        """Carry out one step now."""
        try:
            self._steps.perform(step)
        except Stopped as stopped:
            outcome, text = stopped.done.outcome, f"{step.title}: {stopped.done.record.message}"
            if step.verb.family is not Family.ACTION and outcome in _OF_CHECKS:
                raise NotHeld(text) from None
            raise StepFailed(text, outcome) from None
        # What a signal raised may have been lost inside the step (in a destructor, say): the test
        # must not go on waiting for something in a run that is over.
        self._state.aborter.check()

    @contextmanager
    def measuring(self, step: Step, settle: Duration, promised: bool) -> Iterator[Measured]:
        """A probe around a block; it settles when the block ends, then it is judged."""
        self._unused.remove(step)
        state, deck, measured = self._state, Deck(self._state), Measured(step.name)
        try:
            deck.start((step,))
            deck.wait_steady()
            deck.watch()
            began, done, state.struck_at = state.clock.monotonic(), len(state.done), None
            yield measured
            until = harm.wait_until_over(state, state.clock.monotonic() + settle.seconds)
            deck.finish()
        finally:
            deck.stop()
        since = state.struck_at if state.struck_at is not None else began
        steps = [each.record for each in state.done[done:]]
        findings = verdict.explain(
            deck.judge(Window(since=since, until=until)), steps, self.timeline, began)  # fmt: skip
        measured.judged(findings)
        if promised:
            _hold(findings)
            state.findings.extend(findings)


class Probes:
    """`resilience.probe.http(...)`: each probe of the catalogue as a context manager."""

    def __init__(self, owner: Resilience) -> None:
        self._owner = owner

    def __getattr__(self, name: str) -> Callable[..., Any]:
        verb = self._owner._catalogue.find(name)
        if not isinstance(verb, Verb) or verb.family is not Family.PROBE:
            raise AttributeError(f"there is no probe `{name}`; there are: {self._names()}")

        def call(*values: Any, settle: str = str(DEFAULT_SETTLE), **keys: Any) -> Any:
            # What is no number is a promise by itself: a budget falls short, or it does not.
            promised = "objective" in keys or not verb.measures
            step = self._owner.step(verb, *_url(values, keys))
            if not promised:
                step = python_calls.measuring(step, Measured.everything)
            self._owner._unused.append(step)  # a `with` that was forgotten must not pass
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
    """A URL alone may be said without its key."""
    first = str(values[0]) if len(values) == 1 else ""
    if first.startswith(("http://", "https://")):
        return (), {"url": first, **keys}
    return values, keys


def _hold(findings: Sequence[Finding]) -> None:
    wrong = [finding for finding in findings if finding.result is not Result.PASSED]
    if wrong:
        said: set[str] = set()
        raise NotHeld("\n".join(line for each in wrong for line in wording.lines(each, said)))
