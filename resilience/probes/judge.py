"""Promises of one probe against its samples: pure, and never in favour of what was not seen.

A promise passes only when it was measured: enough samples for it, the whole window covered, the
prober alive and on time. Where that is not so it fails all the same if what was seen breaks it
whatever the rest was; otherwise it is "not measured", and says what would measure it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from resilience.model.samples import Answer, Sample
from resilience.model.scenario import Objective
from resilience.model.values import Availability, Duration
from resilience.model.verdict import Finding, Outage, Result, Window
from resilience.probes import measures
from resilience.probes.words import counts, percent, span

OUTAGE_OBJECTIVE = Fraction(99, 100)
"""What a second must reach not to belong to an outage where no availability is promised."""

EDGE = 2.001
"""Intervals that may lack at either end of the window: that is resolution, not blindness."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What a prober brought home. `samples` may reach beyond the window on both sides.

    `trouble` is why it stopped before it was told to ("" if it did not); `reasons` are texts about
    failures that no sample carries (a TLS error, a body).
    """

    name: str
    interval: float
    timeout: float
    samples: Sequence[Sample]
    trouble: str = ""
    reasons: Sequence[str] = ()


def judge(observed: Observed, objective: Objective, window: Window) -> list[Finding]:
    """One finding per promise, in the order of the objective's fields."""
    case = _Case(observed, objective, window)
    findings: list[Finding] = []
    if objective.availability is not None:
        findings.append(case.availability(objective.availability))
    if objective.longest_outage is not None:
        findings.append(case.longest_outage(objective.longest_outage))
    findings += [case.latency(*promise) for promise in sorted(objective.latency.items())]
    return findings


class _Case:
    """One window of one probe."""

    def __init__(self, observed: Observed, objective: Objective, window: Window) -> None:
        self.observed, self.window = observed, window
        self.interval = observed.interval
        self.expected = math.floor(window.length / self.interval)
        self.every = measures.within(observed.samples, window)
        self.unseen, self.remedy = self._unseen()
        self.samples = measures.forgiven(self.every, self.interval) if self.unseen else self.every
        self.tally = measures.tally(self.samples)
        promised = objective.availability
        self.outages = measures.outages(
            self.samples, self.interval, promised.exact if promised else OUTAGE_OBJECTIVE
        )

    def availability(self, promised: Availability) -> Finding:
        """Good of planned."""
        tally, needed = self.tally, promised.samples_needed
        planned = max(tally.planned, needed, self.expected)
        broken = tally.failed > (1 - promised.exact) * planned
        finding = self._finding("availability", f"{promised}")
        if broken:
            detail = (*self._answers(), *self._even_so())
            return finding(Result.FAILED, self._share(), float(tally.availability), detail)
        if self.unseen:
            return finding(Result.NOT_MEASURED, self.unseen, None, self.remedy)
        if tally.planned < needed:
            return finding(Result.NOT_MEASURED, *self._too_few(f"{promised}", needed))
        return finding(Result.PASSED, self._share(), float(tally.availability), self._who())

    def longest_outage(self, promised: Duration) -> Finding:
        """The longest span below the objective, both edges uncertain by one interval."""
        longest = max((outage.length for outage in self.outages), default=0.0)
        limit = promised.seconds
        finding = self._finding("longest_outage", f"at most {promised}")
        text = f"{span(longest)} ± {span(self.interval)}" if self.outages else "none"
        # An outage is whole intervals long: 25 of 20 ms are half a second, whatever floats say.
        if longest > limit + self.interval * 1e-6:
            detail = (*self._outage_lines(), *self._even_so())
            return finding(Result.FAILED, text, longest, detail)
        if self.unseen:
            return finding(Result.NOT_MEASURED, self.unseen, None, self.remedy)
        if 0 < limit < self.interval * (1 - 1e-9):
            rate = math.ceil(1 / limit)
            return finding(
                Result.NOT_MEASURED,
                f"not measured: an outage of {promised} fits between two requests",
                None,
                (f"requests left every {span(self.interval)}; raise `rate` to {rate}/s",),
            )
        if self._still_out():
            return finding(
                Result.NOT_MEASURED,
                f"not measured: an outage of {span(self.outages[-1].length)} was not over when "
                "measuring ended",
                None,
                ("let `when` or `settle` last longer, to see the service come back",),
            )
        return finding(Result.PASSED, text, longest, self._outage_lines())

    def latency(self, percentile: float, promised: Duration) -> Finding:
        """Nearest rank, from the intended moments."""
        ordered = measures.latencies(self.samples)
        finding = self._finding(f"p{percentile:g}", f"at most {promised}")
        limit = promised.seconds
        slow = sum(value > limit for value in ordered)
        needed = measures.samples_for_percentile(percentile)
        most = max(len(ordered), needed, self.expected if self.unseen else 0)
        allowed = most - measures.rank(most, percentile)
        found = measures.percentile(ordered, percentile)
        text = (
            f"{slow:,} of {len(ordered):,} took longer"
            if found is None
            else (f"{span(found)} ({len(ordered):,} answers)")
        )
        if slow > allowed:
            detail = (*self._slowest(ordered, slow, allowed), *self._even_so())
            return finding(Result.FAILED, text, found, detail)
        if self.unseen:
            return finding(Result.NOT_MEASURED, self.unseen, None, self.remedy)
        if found is None:
            return finding(Result.NOT_MEASURED, *self._too_few(f"p{percentile:g}", needed))
        if self.observed.timeout < limit and found >= self.observed.timeout:
            return finding(
                Result.NOT_MEASURED,
                f"not measured: {span(self.observed.timeout)} or more, when requests are given up",
                None,
                (f"raise `timeout` above {promised}",),
            )
        return finding(Result.PASSED, text, found, ())

    def _finding(
        self, what: str, promised: str
    ) -> Callable[[Result, str, float | None, Sequence[str]], Finding]:
        name = f"{self.observed.name}.{what}"
        outages = () if what.startswith("p") and what[1:2].isdigit() else self.outages

        def make(
            result: Result, measured: str, value: float | None, detail: Sequence[str]
        ) -> Finding:
            return Finding(
                name=name,
                result=result,
                promised=promised,
                measured=measured,
                value=value,
                detail=tuple(detail),
                outages=outages,
            )

        return make

    def _unseen(self) -> tuple[str, tuple[str, ...]]:
        """Why the window was not seen, and what to do about it; empty when it was."""
        window, samples = self.window, self.every
        if self.observed.trouble and not self._covered():
            return f"not measured: {self.observed.trouble}", ()
        if not samples:
            return "not measured: no request was planned in that time", ()
        if not self._covered():
            told = span(max(0.0, samples[-1].intended + self.interval - samples[0].intended))
            return f"not measured: only {told} of {span(window.length)} were probed", ()
        if measures.is_blind(samples, self.interval, window):
            blind = measures.blind_seconds(samples, self.interval, window)
            worst = max(sample.lag for sample in samples)
            return (
                f"not measured: the prober itself was late for {span(blind)} of "
                f"{span(window.length)} ({percent(blind / window.length)}; at most 1%)",
                (
                    f"it was late by up to {span(worst)}: the machine that runs pytest is "
                    "overloaded; use fewer probes, a lower `rate` or a machine with more CPU",
                ),
            )
        return "", ()

    def _even_so(self) -> tuple[str, ...]:
        """Beside a failure: what was not seen cannot make up for it."""
        return (f"{self.unseen}; what was seen is enough to fail",) if self.unseen else ()

    def _covered(self) -> bool:
        samples, slack = self.every, self.interval * EDGE
        return bool(samples) and (
            samples[0].intended <= self.window.since + slack
            and samples[-1].intended >= self.window.until - slack
        )

    def _too_few(self, promise: str, needed: int) -> tuple[str, None, tuple[str, ...]]:
        planned, length = self.tally.planned, self.window.length
        rate = math.ceil(needed / length) if length else needed
        return (
            f"not measured: {planned:,} requests in {span(length)} are too few, {promise} needs "
            f"{needed:,}",
            None,
            (
                f"raise `rate` to {rate}/s, or measure for {span(needed * self.interval)} "
                "(a longer `settle`, or `sleep` under `when`)",
            ),
        )

    def _share(self) -> str:
        tally = self.tally
        share = percent(tally.availability)
        if not tally.failed:
            proven = percent(1 - Fraction(3, tally.planned))
            return f"{share}: 0 of {tally.planned:,} failed, which proves at least {proven}"
        answers = {
            answer.value: count
            for answer, count in tally.answers.items()
            if answer is not Answer.GOOD
        }
        return f"{share}: {tally.failed:,} of {tally.planned:,} failed ({counts(answers)})"

    def _answers(self) -> tuple[str, ...]:
        lines = []
        if self.tally.statuses:
            told = {f"with status {code}": n for code, n in self.tally.statuses.items()}
            lines.append(f"wrong status: {counts(told)}")
        lines += [f"for instance: {reason}" for reason in self.observed.reasons[:3]]
        return (*lines, *self._who())

    def _who(self) -> tuple[str, ...]:
        by = self.tally.by
        return (f"good answers: {counts({f'by {pod}': n for pod, n in by.items()})}",) if by else ()

    def _outage_lines(self) -> tuple[str, ...]:
        longest = sorted(self.outages, key=lambda outage: -outage.length)[:3]
        return tuple(_outage_line(outage) for outage in longest)

    def _slowest(self, ordered: Sequence[float], slow: int, allowed: int) -> tuple[str, ...]:
        out = sum(sample.answer is Answer.TIMEOUT for sample in self.samples)
        lines = [
            f"{slow:,} of {len(ordered):,} took longer, {allowed:,} may; the slowest "
            f"{span(ordered[-1])}"
        ]
        return (*lines, f"{out:,} of them timed out") if out else tuple(lines)

    def _still_out(self) -> bool:
        if not self.outages or not self._is_last(self.outages[-1]):
            return False
        later = [s for s in self.observed.samples if s.intended >= self.window.until]
        return not any(sample.answer is Answer.GOOD for sample in later)

    def _is_last(self, outage: Outage) -> bool:
        return outage.until > self.samples[-1].intended + self.interval / 2


def _outage_line(outage: Outage) -> str:
    requests = "1 request" if outage.lost == 1 else f"{outage.lost:,} requests"
    return f"{span(outage.length)}, {requests} lost ({counts(outage.answers)})"
