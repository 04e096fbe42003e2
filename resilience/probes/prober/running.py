"""A running probe: an agent process, its log, and the objectives of its step.

Steady is ten good answers in a row. `abort_below` uses the last five seconds, and at least twenty
requests. A prober that died or was late is reported as "not measured", never as a pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from resilience.model.report import ProbeRecord
from resilience.model.samples import Answer, Sample
from resilience.model.scenario import DEFAULT_RATE, Objective, Step
from resilience.model.values import Rate
from resilience.model.verdict import Finding, Window
from resilience.model.words import counts, percent
from resilience.probes import measures
from resilience.probes.judge import Observed
from resilience.probes.prober.launch import Launch
from resilience.probes.prober.news import remarks
from resilience.probes.prober.samples import SampleLog
from resilience.probes.waiting import judge_fairly
from resilience.verbs.context import Clock, NotMet

ABORT_SECONDS = 5.0
ABORT_SAMPLES = 20


class Timed(Protocol):
    """What a probe needs of its context once it runs."""

    @property
    def clock(self) -> Clock: ...


class AgentProbe:
    """A `RunningProbe` with one prober.

    `target` is the address probed, for people; `facts` go to the report; `launch` starts the prober
    where it can reach the target; `doubt` says what is wrong behind a target that never answers.
    """

    def __init__(
        self,
        step: Step,
        context: Timed,
        configuration: Mapping[str, Any],
        target: str,
        facts: Mapping[str, Any],
        launch: Launch,
        doubt: Callable[[], str] = lambda: "",
        log: SampleLog | None = None,
    ) -> None:
        self._doubt = doubt
        self._step, self._clock, self._target, self._facts = step, context.clock, target, facts
        self._rate: Rate = step.rate or DEFAULT_RATE
        self._timeout: float = configuration["timeout"]
        self._log = SampleLog() if log is None else log
        given = {**configuration, "rate": float(self._rate.per_second)}
        self._agent = launch(given, self._log, _poke(context.clock))

    @property
    def name(self) -> str:
        """The step's name."""
        return self._step.name or self._step.verb.name

    def wait_steady(self, deadline: float) -> None:
        """Wait for ten good answers in a row; NotMet with counts of the last answers if they do not
        arrive."""
        self._clock.until(lambda: self._is_steady() or bool(self._agent.trouble), deadline)
        if self._agent.trouble:
            raise NotMet(f"{self._target}: {self._agent.trouble}", final=True)
        if not self._is_steady():
            raise NotMet(self._not_steady())

    def progress(self) -> tuple[int, int]:
        """(ended so far, good of these)."""
        return len(self._log), self._log.good

    def below(self) -> str:
        """Why `abort_below` aborts the run; "" while it does not."""
        least = self._step.abort_below
        if least is None:
            return ""
        last = self._log.tail(max(ABORT_SAMPLES, round(ABORT_SECONDS * self._rate.per_second)))
        tally = measures.tally(last)
        if tally.planned < ABORT_SAMPLES or tally.availability >= least.exact:
            return ""
        return (
            f"availability is {percent(tally.availability)} over the last {tally.planned} "
            f"requests, below the {least} at which this probe aborts the run"
        )

    def stop(self) -> None:
        """Stop measuring and collect what is still under way. Idempotent."""
        self._agent.stop()

    def judge(self, window: Window) -> Sequence[Finding]:
        """Each objective, compared with what was measured in the window."""
        observed = Observed(
            name=self.name,
            interval=self._rate.interval,
            timeout=self._timeout,
            samples=self._log,
            trouble=self._agent.trouble,
            where=self._agent.where,
            reasons=self._reasons(),
            remarks=remarks(self._agent.cost),
        )
        return judge_fairly(observed, self._step.objective or Objective(), window)

    def record(self) -> ProbeRecord:
        """Everything measured, and how well the prober itself did."""
        lags = sorted(sample.lag for sample in self._log)
        own = {
            "lag": {f"p{p:g}": lags[measures.rank(len(lags), p) - 1] for p in (50, 99, 100)}
            if lags
            else {},
            "trouble": self._agent.trouble,
            **self._agent.cost,
        }
        return ProbeRecord(
            name=self.name,
            title=self._step.title,
            rate=float(self._rate.per_second),
            samples=self._log,
            facts={**self._facts, "target": self._target, "timeout": self._timeout, "prober": own},
        )

    def _reasons(self) -> Sequence[str]:
        return [f"{Answer[answer].value}: {text}" for answer, text in self._agent.reasons]

    def _is_steady(self) -> bool:
        return self._log.streak >= measures.STEADY_RUN

    def _not_steady(self) -> str:
        last = self._log.tail(2 * measures.STEADY_RUN)
        what = f"{self._target} is not steady: expected {measures.STEADY_RUN} good answers in a row"
        if not last:
            why = f": {self._agent.waiting}" if self._agent.waiting else ""
            return f"{what}, but no request has ended yet{why}"
        reasons = [f"{Answer[a].value}: {text}" for a, text in self._agent.reasons[-3:]]
        lines = [f"{what}, of the last {len(last)}: {_counted(last)}", self._doubt(), *reasons]
        return "\n".join(line for line in lines if line)


def _counted(samples: Sequence[Sample]) -> str:
    return counts(Counter(sample.answer.value for sample in samples))


def _poke(clock: Clock) -> Any:
    """Wake all waits on this clock, if it supports that."""
    return getattr(clock, "poke", lambda: None)
