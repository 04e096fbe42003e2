"""Carries out one scenario: given, probes steady, when, settle, then, undo, verdict.

The same path every time: whatever happens after the journal was opened, probes are stopped, what
was changed is put back, and a record is returned. Nothing in a scenario makes `run` raise; an
exception from outside (a test's timeout, a signal handler's) waits in `aborter.cause` until the
undo is done, for the caller to raise again.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING

from resilience.cluster.errors import ClusterError
from resilience.cluster.interface import Cluster
from resilience.engine.base import seeds
from resilience.engine.base.abort import Aborted, Aborter, Why
from resilience.engine.base.defect import defect
from resilience.engine.base.real_clock import EngineClock
from resilience.engine.base.run_options import Options
from resilience.engine.base.timeline import Timeline
from resilience.engine.evidence import verdict
from resilience.engine.evidence.owners import Owners
from resilience.engine.evidence.watch_recorder import Witness
from resilience.engine.journal.journal import Journal
from resilience.engine.journal.undo import shielded
from resilience.engine.run import looking, teardown, vacuous
from resilience.engine.run import settle as harm
from resilience.engine.run.probe_group import Deck, NotSteady
from resilience.engine.run.state import RunState
from resilience.engine.run.steps import Steps, Stopped, outcome_of
from resilience.engine.run.views import Views
from resilience.model.report import RunRecord
from resilience.model.scenario import Scenario, Step
from resilience.model.timeline import Entry, What
from resilience.model.values import RunId
from resilience.model.verdict import Finding, Outcome, Window
from resilience.verbs.context import ActionFailed

if TYPE_CHECKING:
    from collections.abc import Iterator


def run(
    scenario: Scenario,
    *,
    cluster: Cluster,
    options: Options,
    clock: EngineClock,
    journal: Journal,
    emit: Callable[[Entry], None],
    aborter: Aborter,
) -> RunRecord:
    """Carry out `scenario`; `options.run` names the run. The journal is closed at the end."""
    timeline = Timeline(clock, emit)
    cancel = aborter.on_abort(clock.poke)
    try:
        return _Run(scenario, cluster, options, clock, journal, timeline, aborter).carry_out()
    finally:
        cancel()
        journal.close()


def new_id(wall: float, random: SystemRandom | None = None) -> RunId:
    """A name for a run: sortable by time, unique enough for a label and a file."""
    source = random or SystemRandom()
    return RunId(f"{int(wall):x}-{source.randrange(16**6):06x}")


@dataclass(slots=True)
class _Trouble:
    """What ended the run outside of any step."""

    outcome: Outcome
    text: str


class _Run:
    """One run from beginning to end; made and used once."""

    def __init__(
        self,
        scenario: Scenario,
        cluster: Cluster,
        options: Options,
        clock: EngineClock,
        journal: Journal,
        timeline: Timeline,
        aborter: Aborter,
    ) -> None:
        def check() -> None:
            if cluster.ended():
                aborter.abort("the cluster ended while the run was under way", Why.GONE)
            aborter.check()

        own = clock.checking(check)
        self._scenario = scenario
        self._clock = clock
        self._trouble: _Trouble | None = None
        self._window: Window | None = None
        self._leftovers: list[str] = []
        self._state = RunState(
            run=options.run or new_id(clock.wall()),
            seed=_seed(scenario, options),
            namespace=scenario.namespace or options.namespace,
            directory=_directory(scenario),
            cluster=cluster,
            options=options,
            clock=own,
            aborter=aborter,
            timeline=timeline,
            journal=journal,
            views=Views(cluster, own),
            owners=Owners(cluster),
        )
        self._steps = Steps(self._state)
        self._deck = Deck(self._state)

    def carry_out(self) -> RunRecord:
        """All phases, then the record."""
        started, wall = self._clock.monotonic(), self._clock.wall()
        state = self._state
        state.timeline.note(
            What.RUN,
            f"{self._scenario.title} (seed {state.seed})",
            {"state": "started", "run": state.run, "seed": state.seed},
        )
        with state.views, ExitStack() as stack:
            state.views.listen(Witness(state.timeline))
            options, views = state.options, state.views
            state.sight = looking.sight(options, state.cluster, views, self._clock, stack)
            with self._guarded():
                self._act()
            shielded(self._wind_up, state.aborter)
        state.timeline.note(What.RUN, "ended", {"state": "ended"})
        return self._record(started, wall)

    def _act(self) -> None:
        """Everything that an abort cuts short."""
        scenario, state = self._scenario, self._state
        teardown.begin(state, self._scenario.title)
        state.open_views()
        self._all(scenario.given)
        self._deck.start(scenario.probes)
        self._deck.wait_steady()
        state.timeline.note(What.RUN, "given holds, probes are steady", {"state": "given done"})
        self._deck.watch()
        self._when()
        if text := vacuous.nothing_broken(state):
            self._window, self._trouble = None, _Trouble(Outcome.NOT_MEASURED, text)
            return
        self._deck.finish()
        self._all(scenario.then)

    def _when(self) -> None:
        state = self._state
        began = state.clock.monotonic()
        settle = self._scenario.settle.seconds
        try:
            with self._stopping():
                self._all(self._scenario.when)
            ended = until = state.clock.monotonic()
            facts = {"state": "when ended", "settle": settle}
            state.timeline.note(What.RUN, "when ended", facts)
            if not self._vain():
                until = harm.wait_until_over(state, ended + settle)
                state.timeline.note(What.RUN, "settled", {"state": "settled"})
        except BaseException:
            until = self._clock.monotonic()
            raise
        finally:
            since = began if state.struck_at is None else state.struck_at
            self._window = None if self._vain() else Window(since=since, until=until)
        if state.failures():
            raise Stopped(state.failures()[0])

    def _vain(self) -> bool:
        """A step failed before anything was broken: there is nothing to settle or to judge."""
        state = self._state
        return bool(state.failures()) and not state.aborter.aborted and not harm.begun(state)

    def _all(self, steps: tuple[Step, ...]) -> None:
        for step in steps:
            self._steps.perform(step)

    @contextmanager
    def _stopping(self) -> Iterator[None]:
        """A failed step ends its phase; what was broken is still measured until it settles."""
        try:
            yield
        except Stopped:
            return

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Nothing that happens while acting may keep the undo from happening."""
        try:
            yield
        except (Stopped, Aborted):
            return
        except NotSteady as error:
            first, end, rest = str(error).partition("\n")
            told = f"{first}; nothing was broken{end}{rest}"
            self._trouble = _Trouble(Outcome.NOT_MEASURED, told)
        except (ClusterError, ActionFailed) as error:
            self._trouble = _Trouble(outcome_of(error), str(error))
        except Exception as error:  # noqa: BLE001  a defect of ours: undone and told as one
            self._trouble = _Trouble(Outcome.HARNESS_ERROR, defect("pytest-resilience", error))
        except BaseException as error:  # noqa: BLE001  raised again by the caller, after the undo
            self._state.aborter.caught(error)

    def _wind_up(self) -> None:
        """Stop measuring, then put everything back."""
        self._deck.stop()
        self._leftovers = teardown.put_back(self._state, self._clock)

    def _record(self, started: float, wall: float) -> RunRecord:
        state = self._state
        steps = [done.record for done in state.done]
        timeline = state.timeline.entries()
        findings = verdict.explain(self._findings(), steps, timeline, started)
        reason = self._trouble.text if self._trouble else state.aborter.reason
        outcome, text = self._verdict(findings, started, reason)
        return RunRecord(
            run=state.run,
            scenario=self._scenario,
            seed=state.seed,
            started_wall=wall,
            started=started,
            ended=self._clock.monotonic(),
            outcome=outcome,
            message=text,
            reason=reason,
            window=self._window,
            steps=steps,
            findings=findings,
            probes=self._deck.records(),
            timeline=timeline,
            environment=dict(state.options.environment),
            residues=tuple(state.residues),
            leftovers=tuple(self._leftovers),
        )

    def _findings(self) -> list[Finding]:
        if self._window is None:
            return list(self._state.findings)
        judged = [*self._deck.judge(self._window), *self._deck.vacuous()]
        return judged + self._state.findings

    def _verdict(self, findings: list[Finding], started: float, reason: str) -> tuple[Outcome, str]:
        state, trouble = self._state, self._trouble
        failures = state.failures()
        if state.aborter.aborted:  # the step that was under way did not fail by itself
            failures = [done for done in failures if done.record.ended is not None]
        outcomes = [done.outcome for done in failures] + ([trouble.outcome] if trouble else [])
        outcome = verdict.decide(outcomes, findings, state.aborter.why, self._leftovers)
        return outcome, verdict.message(
            outcome,
            [done.record for done in failures],
            findings,
            state.victims,
            reason,
            self._leftovers,
            started,
            state.options.recovery,
        )


def _seed(scenario: Scenario, options: Options) -> int:
    for given in (options.seed, scenario.seed):
        if given is not None:
            return given
    return seeds.fresh()


def _directory(scenario: Scenario) -> Path:
    return Path(scenario.place.file).parent
