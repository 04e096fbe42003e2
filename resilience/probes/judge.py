"""Compares the objectives of one probe with its samples; pure functions, in which unobserved time
never counts in favour of the service.

Each objective is judged by its bounds, given everything unknown (docs/explanation/judgement.md). It
passes if it is met in the worst case, and fails if it is missed in the best case. Otherwise it was
not measured, and the reason says what would narrow the bounds. Findings are data;
`resilience.report.wording` words them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

from resilience.model.error_budget import ErrorBudget
from resilience.model.samples import Answer, Sample
from resilience.model.scenario import Objective
from resilience.model.values import Availability, Duration, Share
from resilience.model.verdict import Evidence, Finding, Kind, Reason, Result, Unit, Window
from resilience.probes import against_baseline, bounds, measures
from resilience.probes.moments import Seen, State, reach, seen

OUTAGE_OBJECTIVE = Fraction(99, 100)
"""Without an availability objective, a second below this availability belongs to an outage."""

FINE = 1e-6
"""Tolerance as a part of an interval: an outage lasts whole intervals, regardless of float
rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What a prober measured. `samples` may extend beyond the window on both sides.

    `trouble` is why the prober ended by itself ("" if it did not); `reasons` are details of
    failures that samples do not contain (a TLS error, a body); `remarks` and `where` are as in
    `Evidence`.
    """

    name: str
    interval: float
    timeout: float
    samples: Sequence[Sample]
    trouble: str = ""
    reasons: Sequence[str] = ()
    remarks: Sequence[str] = ()
    where: str = ""


def judge(observed: Observed, objective: Objective, window: Window) -> list[Finding]:
    """One finding per objective, in the order of the fields."""
    case = _Case(observed, objective, window)
    findings: list[Finding] = []
    if objective.availability is not None and window.judges(Kind.AVAILABILITY):
        findings.append(case.availability(objective.availability))
    if objective.longest_outage is not None and window.judges(Kind.OUTAGE):
        findings.append(case.longest_outage(objective.longest_outage))
    if objective.recovery is not None and window.judges(Kind.RECOVERY):
        findings.append(case.recovery(objective.recovery))
    if objective.error_budget is not None and window.judges(Kind.BUDGET):
        findings.append(case.error_budget(objective.error_budget))
    if objective.no_worse_than_baseline is not None and window.judges(Kind.BASELINE):
        findings.append(case.against_baseline(objective.no_worse_than_baseline))
    if window.judges(Kind.LATENCY):
        findings += [case.latency(*promise) for promise in sorted(objective.latency.items())]
    return findings


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


class _Case:
    """One window of one probe."""

    def __init__(self, observed: Observed, objective: Objective, window: Window) -> None:
        self.observed, self.window, self.interval = observed, window, observed.interval
        self.seen = seen(observed.samples, self.interval, window, timeout=observed.timeout)
        after = [sample for sample in observed.samples if sample.intended >= window.until]
        promised = objective.availability
        self.outages = bounds.outages(
            self.seen, promised.exact if promised else OUTAGE_OBJECTIVE, after
        )

    def availability(self, promised: Availability) -> Finding:
        """Good of planned."""
        found, needed = bounds.failures(self.seen), promised.samples_needed
        lost = 1 - promised.exact
        broken = found.least > lost * max(found.planned, needed)
        asked = found.planned - self.seen.missing - self.seen.unsent
        reason: Reason | None = None
        if not broken:
            reason = self._too_few(found.planned, needed)
            reason = reason or self._doubt(found.most > lost * found.planned)
            reason = reason or self._doubt(asked < needed)
        return Finding(
            name=self.window.called(self.observed.name, "availability"),
            kind=Kind.AVAILABILITY,
            unit=Unit.RATIO,
            limit=float(promised.exact),
            value=None if reason else float(found.high if broken else found.low),
            low=float(found.low),
            high=float(found.high),
            outages=self.outages.best,
            evidence=self._evidence(needed=needed),
            **self._ended(broken, reason),
        )

    def longest_outage(self, promised: Duration) -> Finding:
        """The longest span below the objective."""
        found, limit = self.outages, promised.seconds
        fine = self.interval * FINE
        broken = found.low > limit + fine
        reason: Reason | None = None
        if not broken:
            reason = self._doubt(self.seen.missing > 0)
            if 0 < limit < self.interval - fine:
                reason = Reason.RESOLUTION
            reason = reason or self._doubt(found.high > limit + fine)
            reason = reason or (None if found.ended else Reason.STILL_OUT)
        return Finding(
            name=self.window.called(self.observed.name, "longest_outage"),
            kind=Kind.OUTAGE,
            unit=Unit.SECONDS,
            limit=limit,
            value=None if reason else found.low,
            low=found.low,
            high=found.high,
            outages=found.best,
            evidence=self._evidence(),
            **self._ended(broken, reason),
        )

    def recovery(self, promised: Duration) -> Finding:
        """The time from the end of the last action until requests no longer fail."""
        over = self.window.since if self.window.over is None else self.window.over
        found, limit = bounds.recovery(self.seen, over), promised.seconds
        fine = self.interval * FINE
        broken = found.low > limit + fine
        reason: Reason | None = None
        if not broken:
            reason = self._too_few(self.seen.planned, measures.STEADY_RUN)
            reason = reason or self._doubt(self.seen.missing > 0)
            reason = reason or self._doubt(found.high > limit + fine)
            if not reason and found.steady < measures.STEADY_RUN:
                reason = Reason.STILL_OUT
        return Finding(
            name=self.window.called(self.observed.name, "recovery"),
            kind=Kind.RECOVERY,
            unit=Unit.SECONDS,
            limit=limit,
            value=None if reason else found.low,
            low=found.low,
            high=found.high,
            evidence=self._evidence(needed=measures.STEADY_RUN),
            **self._ended(broken, reason),
        )

    def error_budget(self, promised: ErrorBudget) -> Finding:
        """The share of the error budget that the failed moments used; each lasts one interval."""
        found, budget = bounds.failures(self.seen), float(promised.whole)
        low, high = (count * self.interval / budget for count in (found.least, found.most))
        limit = float(promised.share.exact)
        fine = self.interval * FINE / budget
        broken = low > limit + fine
        reason: Reason | None = None
        if not broken:
            reason = self._too_few(found.planned, 1)
            reason = reason or self._doubt(high > limit + fine)
            reason = reason or (None if self.outages.ended else Reason.STILL_OUT)
        return Finding(
            name=self.window.called(self.observed.name, "error_budget"),
            kind=Kind.BUDGET,
            unit=Unit.RATIO,
            limit=limit,
            value=None if reason else (low if broken else high),
            low=low,
            high=high,
            promised=str(promised),
            outages=self.outages.best,
            evidence=self._evidence(budget=budget),
            **self._ended(broken, reason),
        )

    def against_baseline(self, promised: Share) -> Finding:
        """p95 of this window and of the baseline, with their bounds."""
        calm = self._calm()
        found = against_baseline.compared(calm, self.seen, promised.exact)
        needed = against_baseline.SAMPLES_NEEDED
        broken = found.worse and calm.planned >= needed
        reason: Reason | None = None
        if not broken:
            reason = self._too_few(min(self.seen.planned, calm.planned), needed)
            reason = reason or (None if calm.planned else Reason.UNPLANNED)
            reason = reason or (Reason.NO_BASELINE if found.baseline.low == math.inf else None)
            for view in (self.seen, calm):
                doubt = not found.no_worse and view.unknown > 0
                reason = reason or self._doubt(doubt, view)
            reason = reason or (None if found.no_worse else Reason.CLOSE)
        return Finding(
            name=self.window.called(self.observed.name, "no_worse_than_baseline"),
            kind=Kind.BASELINE,
            unit=Unit.RATIO,
            limit=float(promised.exact),
            value=None if reason else _finite(found.increase),
            low=_finite(found.least),
            high=_finite(found.most),
            evidence=self._evidence(
                needed=needed,
                baseline=_finite(found.baseline.observed),
                observed=_finite(found.window.observed),
            ),
            **self._ended(broken, reason),
        )

    def _calm(self) -> Seen:
        """The baseline; without one, an empty window."""
        since, until = self.window.calm or (self.window.since, self.window.since)
        window = Window(since=since, until=until)
        return seen(self.observed.samples, self.interval, window, timeout=self.observed.timeout)

    def latency(self, percentile: float, promised: Duration) -> Finding:
        """The nearest-rank percentile, measured from the planned times."""
        limit, timeout = promised.seconds, self.observed.timeout
        found = bounds.latencies(self.seen, reach(self.interval), limit, timeout)
        answered, needed = len(found.worst), measures.samples_for_percentile(percentile)
        possible = answered + found.unknown
        allowed = bounds.allowed(max(possible, needed), percentile)
        broken = found.slow > allowed
        reason: Reason | None = None
        if not broken:
            allowed = bounds.allowed(possible, percentile)
            reason = self._too_few(self.seen.planned, needed)
            if not reason and possible < needed:
                reason = Reason.UNANSWERED
            reason = reason or self._doubt(answered < needed)
            if not reason and found.slow_worst > allowed:
                timeouts = found.slow_worst - found.censored <= allowed
                reason = Reason.TIMEOUT if timeouts else self._doubt(True)
        low = measures.percentile(found.best, percentile)
        high = measures.percentile(found.worst, percentile)
        return Finding(
            name=self.window.called(self.observed.name, f"p{percentile:g}"),
            kind=Kind.LATENCY,
            percentile=percentile,
            unit=Unit.SECONDS,
            limit=limit,
            value=None if reason else (low if broken else high),
            low=low,
            high=high,
            evidence=self._evidence(
                needed=needed,
                answered=answered,
                slow=found.slow,
                allowed=allowed,
                slowest=found.worst[-1] if answered else 0.0,
            ),
            **self._ended(broken, reason),
        )

    def _ended(self, broken: bool, reason: Reason | None) -> dict[str, Any]:
        result = Result.NOT_MEASURED if reason else Result.PASSED
        return {
            "subject": self.observed.name,
            "during": self.window.name,
            "result": Result.FAILED if broken else result,
            "reason": reason,
        }

    def _too_few(self, there: int, needed: int) -> Reason | None:
        """More requests would be needed even if everything had been seen."""
        if not self.seen.moments:
            return Reason.ENDED if self.observed.trouble else Reason.UNPLANNED
        return Reason.TOO_FEW if there < needed else None

    def _doubt(self, open_: bool, view: Seen | None = None) -> Reason | None:
        """Why something is unknown, if the objective is missed in the worst case."""
        if not open_:
            return None
        view = view or self.seen
        if not view.moments or view.missing:
            return self._absent()
        if view.unsent and not view.over_late:
            return Reason.UNSENT
        return Reason.LATE

    def _absent(self) -> Reason:
        if self.observed.trouble:
            return Reason.ENDED
        return Reason.UNCOVERED if self.seen.moments else Reason.UNPLANNED

    def _evidence(self, **of_promise: Any) -> Evidence:
        return replace(self._common, **of_promise)

    @cached_property
    def _common(self) -> Evidence:
        """The fields that all findings of this window share."""
        view: Seen = self.seen
        inside = [moment.sample for moment in view.moments]
        bad = Counter(moment.answer.value for moment in view.moments if moment.state is State.BAD)
        tally = measures.tally(inside)
        return Evidence(
            window=self.window.length,
            interval=self.interval,
            timeout=self.observed.timeout,
            planned=view.planned,
            failed=view.bad,
            late=view.late,
            unsent=view.unsent,
            missing=view.missing,
            unknown=view.unknown,
            worst_lag=view.worst_lag,
            resolution=view.resolution,
            answers=dict(bad.most_common()),
            statuses=dict(tally.statuses.most_common()),
            by=dict(tally.by.most_common()),
            timeouts=tally.answers[Answer.TIMEOUT],
            trouble=self.observed.trouble,
            notes=tuple(self.observed.reasons[:3]),
            remarks=tuple(self.observed.remarks[:3]),
            where=self.observed.where,
        )
