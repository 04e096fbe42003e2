"""Executes one scenario: given, probes steady, when, settle, then, undo, verdict.

Whatever happens after the journal was opened, probes are stopped, changes are undone, and a record
is returned. Nothing in a scenario makes `run` raise; an exception from outside (a test's timeout, a
signal handler's) waits in `aborter.cause` until the undo is done, for the caller to raise again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from resilience.cluster.errors import ClusterError
from resilience.cluster.interface import Cluster
from resilience.engine.base.abort import Aborted, Aborter
from resilience.engine.base.defect import defect
from resilience.engine.base.real_clock import EngineClock
from resilience.engine.base.run_options import Options
from resilience.engine.journal.journal import Journal
from resilience.engine.run import settle as harm
from resilience.engine.run import vacuous
from resilience.engine.run.probe_group import NotSteady
from resilience.engine.run.run import Run, Trouble
from resilience.engine.run.steps import Stopped, outcome_of
from resilience.model.report import RunRecord
from resilience.model.scenario import RECOVERY, Scenario, Step
from resilience.model.timeline import Entry, What
from resilience.model.verdict import Outcome, Window
from resilience.verbs.context import ActionFailed


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
    """Execute `scenario`; `options.run` names the run. The journal is closed at the end."""
    return carry_out(
        Run.begin(
            scenario,
            cluster=cluster,
            options=options,
            clock=clock,
            journal=journal,
            emit=emit,
            aborter=aborter,
        )
    )


def carry_out(run: Run) -> RunRecord:
    """Runs all phases of the run's scenario, the undo and the verdict."""
    phases = _Phases(run)
    with run.under_way(), phases.guarded():
        phases.act()
    phases.judge()
    return run.record()


class _Phases:
    """The phases of one scenario, in order; each instance is used once."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._scenario = run.scenario
        self._state = run.state
        self._steps = run.steps
        self._deck = run.deck()
        self._calm: float | None = None

    def act(self) -> None:
        """The phases that an abort ends early."""
        scenario, state = self._scenario, self._state
        self._run.open()
        self._all(scenario.given)
        self._run.set_up()
        self._deck.start(scenario.probes)
        self._deck.wait_steady()
        state.timeline.note(
            What.RUN, "`given` is done, and all probes are steady", {"state": "given done"}
        )
        self._deck.watch()
        self._measure_calm()
        self._when()
        if text := vacuous.nothing_broken(state):
            self._run.window, self._run.trouble = None, Trouble(Outcome.NOT_MEASURED, text)
            return
        self._deck.finish()
        self._all(scenario.then)

    def _measure_calm(self) -> None:
        """Measure the baseline: the state before anything is broken."""
        state, wanted = self._state, self._scenario.baseline
        self._calm = state.clock.monotonic()
        if wanted is None:
            return
        text = f"measuring the baseline for {wanted}"
        state.timeline.note(What.RUN, text, {"state": "baseline"})
        state.clock.wait(wanted.seconds)

    def _when(self) -> None:
        state = self._state
        state.when_at = began = state.clock.monotonic()
        settle = self._scenario.settle.seconds
        try:
            with self._stopping():
                self._all(self._scenario.when)
            ended = until = state.clock.monotonic()
            facts = {"state": "when ended", "settle": settle}
            state.timeline.note(What.RUN, "when ended", facts)
            if not self._vain():
                until = harm.wait_until_over(state, ended + settle, self._aftermath())
                state.timeline.note(What.RUN, "settled", {"state": "settled"})
        except BaseException:
            until = self._run.now()
            raise
        finally:
            since = began if state.struck_at is None else state.struck_at
            self._run.window = None if self._vain() else Window(since=since, until=until)
        if state.failures():
            raise Stopped(state.failures()[0])

    def _aftermath(self) -> float:
        """Seconds that are judged after the last victim is gone; if `recovery` is a window, it
        lasts as long as `settle` says."""
        watched = any(RECOVERY in probe.during for probe in self._scenario.probes)
        return max(harm.AFTERMATH, self._scenario.settle.seconds if watched else 0.0)

    def _vain(self) -> bool:
        """Whether a step failed before anything was broken, so that there is nothing to settle or
        to judge."""
        state = self._state
        return bool(state.failures()) and not state.aborter.aborted and not harm.begun(state)

    def _all(self, steps: tuple[Step, ...]) -> None:
        for step in steps:
            self._steps.perform(step)

    @contextmanager
    def _stopping(self) -> Iterator[None]:
        """Run the steps of a phase; a failed one ends it, but measuring continues until the victims
        settle."""
        try:
            yield
        except Stopped:
            return

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Nothing that happens while acting may prevent the undo."""
        try:
            yield
        except (Stopped, Aborted):
            return
        except NotSteady as error:
            first, end, rest = str(error).partition("\n")
            told = f"{first}; nothing was broken{end}{rest}"
            self._run.trouble = Trouble(Outcome.NOT_MEASURED, told)
        except (ClusterError, ActionFailed) as error:
            self._run.trouble = Trouble(outcome_of(error), str(error))
        except Exception as error:  # noqa: BLE001  a defect of ours: undone and told as one
            self._run.trouble = Trouble(Outcome.HARNESS_ERROR, defect("pytest-resilience", error))
        except BaseException as error:  # noqa: BLE001  raised again by the caller, after the undo
            self._state.aborter.caught(error)

    def judge(self) -> None:
        """Compare every objective with what was measured in the window."""
        if self._run.window is not None:
            judged = self._deck.judge(self._run.window, self._calm)
            self._run.judged = [*judged, *self._deck.vacuous()]
