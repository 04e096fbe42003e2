"""The windows in which a probe's objectives are judged (docs/explanation/judgement.md).

The baseline ends where the first action begins; the fault ends where the last action has ended and
the last victim is gone; then comes the recovery. They share their edges, and a request belongs to
exactly one of them. Without `during` there is one window, from the first action to the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from resilience.engine.run import settle
from resilience.engine.run.state import RunState
from resilience.model.finding import Kind
from resilience.model.scenario import BASELINE, FAULT, RECOVERY, WINDOWS, Step
from resilience.model.verb import Family, Phase
from resilience.model.verdict import StepRecord, Window

OF_THE_RUN = frozenset({Kind.RECOVERY, Kind.BUDGET})
"""The window of the whole scenario, regardless of `during`."""

OF_A_WINDOW = frozenset(Kind) - OF_THE_RUN
OF_THE_BASELINE = OF_A_WINDOW - {Kind.BASELINE}
"""The baseline is not compared with itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spans:
    """All windows of one run. `whole` begins with the first action and ends when judging ends;
    `calm` is when the baseline began; `gone` when the last victim was gone (-inf without one)."""

    whole: Window
    calm: float | None
    gone: float
    records: Sequence[StepRecord]

    @classmethod
    def of(cls, state: RunState, whole: Window, calm: float | None) -> Spans:
        """The windows as the run knows them at its end."""
        records = [done.record for done in state.done if done.record.phase == Phase.WHEN.value]
        gone = settle.last_gone(state, whole.until)
        return cls(whole=whole, calm=calm, gone=gone, records=records)

    def of_step(self, probe: Step) -> Iterator[Window]:
        """The windows of one probe, in the order of time."""
        if not probe.during:
            yield self._with_over(self.whole)
            return
        named = [self._named(word) for word in probe.during]
        if len(named) == 1 and named[0].name not in WINDOWS:
            yield self._with_over(
                replace(named[0], name="")
            )  # as if `when` consisted of this step only
            return
        for window in sorted(named, key=lambda each: (each.since, each.until)):
            kinds = OF_THE_BASELINE if window.name == BASELINE else OF_A_WINDOW
            yield replace(self._with_over(window), kinds=kinds)
        if probe.objective and (probe.objective.recovery or probe.objective.error_budget):
            yield replace(self._with_over(self.whole), kinds=OF_THE_RUN)

    @property
    def fault_over(self) -> float:
        """When the fault ended: no action is running, and no victim is left."""
        over = self._over(self.whole)
        return min(max(over, self.gone), self.whole.until)

    def _named(self, word: str) -> Window:
        whole = self.whole
        if word == BASELINE:
            since = whole.since if self.calm is None else min(self.calm, whole.since)
            return Window(since=since, until=whole.since, name=word)
        if word == FAULT:
            return replace(whole, until=self.fault_over, name=word)
        if word == RECOVERY:
            return replace(whole, since=self.fault_over, name=word)
        return replace(self._step(word), name=word)

    def _step(self, name: str) -> Window:
        """From the beginning of that step until its end, plus the time to settle."""
        whole = self.whole
        ends = [whole.until if each.ended is None else each.ended for each in self.records]
        settled = max(0.0, whole.until - max(ends, default=whole.until))
        for each in self.records:
            if each.title == name:
                until = whole.until if each.ended is None else each.ended + settled
                return Window(since=each.started, until=min(until, whole.until))
        return whole

    def _with_over(self, window: Window) -> Window:
        calm = None if self.calm is None else (min(self.calm, self.whole.since), self.whole.since)
        return replace(window, over=self._over(window), calm=calm)

    def _over(self, window: Window) -> float:
        """When the last action that began in that window ended. The first action begins a little
        after its step, because guards and a message come first."""
        actions = [
            each
            for each in self.records
            if each.facts.get("family") == Family.ACTION.value
            and window.since <= max(each.started, self.whole.since) <= window.until
        ]
        ended = [window.until if each.ended is None else each.ended for each in actions]
        return min(max(ended, default=window.since), window.until)
