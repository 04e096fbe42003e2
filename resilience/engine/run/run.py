"""One run from its first line in the journal to its record, for a scenario and a test in Python.

    run = Run.begin(scenario, ...)
    with run.under_way():
        ...  # steps
    record = run.record()

Whatever happens in the block, probes are stopped and changes are undone before it ends. Only the
source of the steps differs: `scenario.run` takes them from the phases of a file, the fixture
`resilience` from the calls of a test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from resilience.cluster.errors import ClusterError
from resilience.cluster.interface import PODS, Cluster
from resilience.engine.base.abort import Aborter, Why
from resilience.engine.base.real_clock import EngineClock
from resilience.engine.base.run_options import Options
from resilience.engine.base.timeline import Timeline
from resilience.engine.evidence import deleted_namespace, verdict
from resilience.engine.evidence.deleted_namespace import Deletion
from resilience.engine.evidence.watch_recorder import Witness
from resilience.engine.journal.journal import Journal
from resilience.engine.journal.undo import shielded
from resilience.engine.run import looking, teardown
from resilience.engine.run.announce import Announcer
from resilience.engine.run.probe_group import Deck
from resilience.engine.run.shared_given import SharedGiven
from resilience.engine.run.state import Done, RunState
from resilience.engine.run.steps import Steps
from resilience.model.report import RunRecord
from resilience.model.scenario import Scenario
from resilience.model.timeline import Entry, What
from resilience.model.verdict import Finding, Outcome, Window


@dataclass(frozen=True, slots=True)
class Trouble:
    """The error that ended the run outside of any step."""

    outcome: Outcome
    text: str


class Run:
    """Created by `begin`, used once."""

    def __init__(
        self, scenario: Scenario, state: RunState, clock: EngineClock, shared: SharedGiven | None
    ) -> None:
        self.scenario = scenario
        self.state = state
        self.shared = shared
        self._announcer = Announcer(scenario, state)
        self.steps = Steps(state, self._announcer.begins)
        self.trouble: Trouble | None = None
        self.window: Window | None = None
        """The windows in which the objectives are judged; None if there is nothing to judge."""
        self.judged: list[Finding] = []
        """Findings of probes; those of steps are in the state."""
        self.leftovers: list[str] = []
        self.decided = False
        """Whether `trouble` alone decides the outcome; a test in Python may expect a step or an
        objective to fail."""
        self._deletion: Deletion | None = None
        self._decks: list[Deck] = []
        self._clock = clock
        self.started = clock.monotonic()
        self._wall = clock.wall()

    @classmethod
    def begin(
        cls,
        scenario: Scenario,
        *,
        cluster: Cluster,
        options: Options,
        clock: EngineClock,
        journal: Journal,
        emit: Callable[[Entry], None],
        aborter: Aborter,
        shared: SharedGiven | None = None,
    ) -> Run:
        """A run that has changed nothing yet; `options.run` names it. With `shared`, what `given`
        set up may have been there before it, and may stay after it."""

        def check() -> None:
            if why := cluster.ended():
                aborter.abort(why, Why.GONE)
            aborter.check()

        state = RunState.of(
            scenario,
            cluster=cluster,
            options=options,
            clock=clock.checking(check),
            aborter=aborter,
            timeline=Timeline(clock, emit),
            journal=journal,
            recorded_as=shared.run if shared else None,
        )
        return cls(scenario, state, clock, shared)

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """A context manager in which steps are executed; at its end everything is undone and the
        journal is closed. Exceptions in it are raised again after the undo."""
        state = self.state
        cancel = state.aborter.on_abort(self._clock.poke)
        try:
            self._note(
                f"{self.scenario.title} (seed {state.seed})",
                state="started", run=state.run, seed=state.seed,
            )  # fmt: skip
            with state.views, ExitStack() as stack:
                state.views.listen(Witness(state.timeline))
                options, views = state.options, state.views
                state.sight = looking.sight(options, state.cluster, views, self._clock, stack)
                try:
                    yield
                finally:
                    shielded(self._wind_up, state.aborter)
            self._note("ended", state="ended")
        finally:
            cancel()
            if not self.keeps_given:
                state.journal.close()

    def open(self) -> None:
        """Write the journal's first line and begin to watch. Raises ActionFailed or ClusterError if
        that is impossible; then nothing was changed."""
        teardown.begin(self.state, self.scenario.title)
        self.state.open_views()

    @property
    def keeps_given(self) -> bool:
        """Whether what `given` set up stays, for the next run; the journal stays open for it."""
        return self.shared is not None and self.shared.stays

    def set_up(self) -> None:
        """`given` is done."""
        if self.shared is not None:
            self.shared.done(self.state)

    def now(self) -> float:
        """Seconds, on a clock that an abort does not stop."""
        return self._clock.monotonic()

    def deck(self) -> Deck:
        """A new group of probes, stopped at the latest at the end of the run."""
        made = Deck(self.state)
        self._decks.append(made)
        return made

    def record(self) -> RunRecord:
        """Everything known, once the block has ended."""
        state = self.state
        steps = [done.record for done in state.done]
        timeline = state.timeline.entries()
        judged = verdict.stopped([*self.judged, *state.findings], state.aborter.why)
        findings = verdict.explain(judged, steps, timeline, self.started)
        reason = self.trouble.text if self.trouble else state.aborter.reason
        failures = self._failures()
        if gone := self._deletion:
            late = [gone.explains_step(done.record, done.outcome) for done in failures]
            failures = [
                replace(done, outcome=Outcome.NOT_MEASURED) if by_deletion else done
                for done, by_deletion in zip(failures, late, strict=True)
            ]
            before, findings = findings, [gone.judged(each) for each in findings]
            if any(late) or before != findings:
                reason = reason or gone.text(self.started)
        outcome, text = self._verdict(failures, [] if self.decided else findings, reason)
        return RunRecord(
            run=state.run,
            scenario=self.scenario,
            seed=state.seed,
            started_wall=self._wall,
            started=self.started,
            ended=self._clock.monotonic(),
            outcome=outcome,
            message=text,
            reason=reason,
            window=self.window,
            steps=steps,
            findings=findings,
            probes=[record for deck in self._decks for record in deck.records()],
            timeline=timeline,
            environment=dict(state.options.environment),
            residues=tuple(state.residues),
            leftovers=tuple(self.leftovers),
        )

    def _wind_up(self) -> None:
        """Stop measuring, then undo everything."""
        for deck in self._decks:
            deck.stop()
        self._deletion = self._find_deletion()
        self.leftovers = [*self._put_back(), *self.state.left]
        self._announcer.ended(len(self.leftovers))

    def _find_deletion(self) -> Deletion | None:
        """Before the undo, which may delete the namespace itself. Who cannot see knows of none."""
        state = self.state
        try:
            pods = state.views.history(PODS)
            return deleted_namespace.found(state.cluster, state.namespace, pods)
        except ClusterError:
            return None

    def _put_back(self) -> list[str]:
        if self.shared is None:
            return teardown.put_back(self.state, self._clock)
        disturbed = self.trouble is not None or self.state.aborter.aborted
        self.shared.wanted &= not disturbed and not self._failures() and not self.state.left
        return self.shared.put_back(self.state, self._clock)

    def _verdict(
        self, failures: list[Done], findings: list[Finding], reason: str
    ) -> tuple[Outcome, str]:
        state = self.state
        outcomes = [done.outcome for done in failures]
        outcomes += [self.trouble.outcome] if self.trouble else []
        outcome = verdict.decide(outcomes, findings, state.aborter.why, self.leftovers)
        return outcome, verdict.message(
            outcome,
            [done.record for done in failures],
            findings,
            state.victims,
            reason,
            self.leftovers,
            self.started,
            state.options.recovery,
        )

    def _failures(self) -> list[Done]:
        if self.decided:
            return []
        failures = list(self.state.failures())
        if self.state.aborter.aborted:  # the step that was running did not fail on its own
            failures = [done for done in failures if done.record.ended is not None]
        return failures

    def _note(self, text: str, **facts: object) -> None:
        self.state.timeline.note(What.RUN, text, facts)
