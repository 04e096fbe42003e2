"""A probe whose samples are scripted: bad while a function of the time says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from resilience.model.report import ProbeRecord
from resilience.model.samples import Answer, Sample
from resilience.model.scenario import Objective, Step
from resilience.model.values import Availability, Rate
from resilience.model.verb import Family, Phase, Verb, parameter
from resilience.model.verdict import Finding, Kind, Outage, Result, Unit, Window
from resilience.verbs.context import NotMet, ProbeContext

RATE = Rate(Fraction(100))


@dataclass(frozen=True, slots=True, kw_only=True)
class Toy:
    """Parameters of `toy`."""

    what: str = parameter("Anything.", default="")
    service: str = parameter("A Service.", default="")


class ToyProbe:
    """`RunningProbe` that computes its samples from the window when it is judged."""

    def __init__(self, step: Step, context: ProbeContext, script: Script) -> None:
        self.name = step.name or "toy"
        self.stopped = 0
        self._step, self._context, self._script = step, context, script
        script.probes.append(self)

    def wait_steady(self, deadline: float) -> None:
        if not self._context.clock.until(lambda: not self._script.unsteady, deadline):
            raise NotMet("5 of the last 10 answers were: connection refused")

    def progress(self) -> tuple[int, int]:
        return 0, 0

    def stop(self) -> None:
        self.stopped += 1

    def below(self) -> str:
        return self._script.below()

    def judge(self, window: Window) -> Sequence[Finding]:
        self._script.windows.append(window)
        samples = self._samples(window)
        bad = [sample for sample in samples if sample.answer is not Answer.GOOD]
        ratio = 1 - len(bad) / len(samples) if samples else None
        objective = self._step.objective or Objective(availability=Availability.parse("99%"))
        assert objective.availability is not None
        passed = ratio is not None and ratio >= objective.availability.ratio
        outages = (Outage(since=bad[0].intended, until=bad[-1].intended, resolution=0.01,
                          lost=len(bad)),) if bad else ()  # fmt: skip
        result = Result.NOT_MEASURED if ratio is None else (
            Result.PASSED if passed else Result.FAILED)  # fmt: skip
        name = window.called(self.name, "availability")
        return [Finding(name=name, during=window.name, result=result, value=ratio,
                        kind=Kind.AVAILABILITY, subject=self.name, low=ratio, high=ratio,
                        unit=Unit.RATIO, limit=objective.availability.ratio,
                        promised=str(objective.availability), measured=f"{ratio}",
                        outages=outages)]  # fmt: skip

    def record(self) -> ProbeRecord:
        return ProbeRecord(name=self.name, title=self.name, rate=100.0, samples=[])

    def _samples(self, window: Window) -> list[Sample]:
        count = int(window.length * 100)
        return [Sample(i, at, at, at, Answer.REFUSED if self._script.bad(at) else Answer.GOOD)
                for i in range(count) for at in [window.since + i / 100]]  # fmt: skip


class Script:
    """What toy probes do; `verb` is theirs."""

    def __init__(self, bad: Callable[[float], bool] = lambda at: False) -> None:
        self.bad = bad
        self.unsteady = False
        self.below: Callable[[], str] = lambda: ""
        self.probes: list[ToyProbe] = []
        self.windows: list[Window] = []
        self.verb = Verb(
            name="toy", family=Family.PROBE, summary="A toy.", parameters=Toy,
            phases=frozenset({Phase.WHILE}), describe=lambda toy: "toy", run=self._run,
        )  # fmt: skip

    def _run(self, step: Step, context: Any) -> ToyProbe:
        return ToyProbe(step, context, self)
