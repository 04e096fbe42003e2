"""Computes each measure in the best and in the worst case, given the requests whose outcome is
unknown. Pure.

Every measure here is monotone: replacing a good moment by a bad one never improves it. Two
evaluations therefore bound all possible ones; the proofs are in docs/explanation/judgement.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from resilience.model.samples import Answer, Sample
from resilience.model.verdict import Outage
from resilience.probes import measures
from resilience.probes.moments import Moment, Seen, State


@dataclass(frozen=True, slots=True)
class Failures:
    """How many planned moments failed: at least `least`, at most `most`."""

    least: int
    most: int
    planned: int

    @property
    def low(self) -> Fraction:
        """Availability in the worst case; 0 if nothing was planned."""
        return 1 - Fraction(self.most, self.planned) if self.planned else Fraction(0)

    @property
    def high(self) -> Fraction:
        """Availability in the best case."""
        return 1 - Fraction(self.least, self.planned) if self.planned else Fraction(1)


def failures(seen: Seen) -> Failures:
    """For availability."""
    bad = seen.bad
    return Failures(bad, bad + seen.unknown, seen.planned)


@dataclass(frozen=True, slots=True)
class Outages:
    """The outages in the best and the worst case. `hidden` is the longest that fits between two
    good answers; `ended` is false if an outage had not ended, or may not have ended, when measuring
    ended."""

    best: tuple[Outage, ...]
    worst: tuple[Outage, ...]
    hidden: float
    ended: bool

    @property
    def low(self) -> float:
        """The longest outage in the best case, in seconds."""
        return max((outage.length for outage in self.best), default=0.0)

    @property
    def high(self) -> float:
        """The longest outage in the worst case, in seconds."""
        return max((*(outage.length for outage in self.worst), self.hidden), default=0.0)


def outages(seen: Seen, objective: Fraction, after: Sequence[Sample] = ()) -> Outages:
    """`after` are requests planned after the window, which show whether the last outage ended."""
    if not seen.moments:
        return Outages((), (), 0.0, ended=True)
    best = measures.outages([_best(m) for m in seen.moments], seen.interval, objective)
    worst = best
    if any(moment.state is State.BESIDE for moment in seen.moments):
        worst = measures.outages([_worst(m) for m in seen.moments], seen.interval, objective)
    last = seen.moments[-1].sample.intended + seen.interval / 2
    open_ = bool(worst) and worst[-1].until > last
    ended = not open_ or any(sample.answer is Answer.GOOD for sample in after)
    return Outages(best, worst, seen.hidden, ended)


@dataclass(frozen=True, slots=True)
class Recovery:
    """Seconds from the end of the fault until requests no longer fail, in both cases. `steady`
    counts the good moments after the last one that failed or may have failed."""

    low: float
    high: float
    steady: int


def recovery(seen: Seen, over: float) -> Recovery:
    """A failed moment lasts until the next one is due."""
    failed = [m for m in seen.moments if m.state is State.BAD]
    doubtful = [m for m in seen.moments if m.state is not State.GOOD]
    steady = len(seen.moments)
    if doubtful:
        last = doubtful[-1].sample.intended
        steady = sum(moment.sample.intended > last for moment in seen.moments)

    def after(moments: Sequence[Moment]) -> float:
        return max(0.0, moments[-1].sample.intended + seen.interval - over) if moments else 0.0

    return Recovery(low=after(failed), high=after(doubtful), steady=steady)


def _best(moment: Moment) -> Sample:
    return _as(moment, moment.answer if moment.state is State.BAD else Answer.GOOD)


def _worst(moment: Moment) -> Sample:
    if moment.state is State.BESIDE:
        return _as(moment, Answer.UNSENT)
    return _best(moment)


def _as(moment: Moment, answer: Answer) -> Sample:
    sample = moment.sample
    return sample if sample.answer is answer else replace(sample, answer=answer)


@dataclass(frozen=True, slots=True)
class Latencies:
    """Answers and timeouts, compared with a limit. `best` and `worst` are sorted seconds; `unknown`
    counts requests that may have been slow, fast, or no answer at all; `censored` counts timeouts
    that may have been faster or slower than the limit."""

    best: Sequence[float]
    worst: Sequence[float]
    unknown: int
    censored: int
    limit: float

    @property
    def slow(self) -> int:
        """Requests that were certainly slower than the limit."""
        return sum(value > self.limit for value in self.best)

    @property
    def slow_worst(self) -> int:
        """Requests slower than the limit in the worst case."""
        return sum(value > self.limit for value in self.worst) + self.unknown + self.censored


def latencies(seen: Seen, reach: float, limit: float, timeout: float) -> Latencies:
    """Compare latencies with the limit of one percentile."""
    best: list[float] = []
    worst: list[float] = []
    unknown, censored = seen.missing, 0
    for moment in seen.moments:
        sample = moment.sample
        late = sample.sent is not None and sample.lag > reach
        if sample.sent is None or (late and not _answered(sample)):
            unknown += 1
        elif _answered(sample):
            worst.append(sample.latency)
            best.append(_fastest(sample, late=late))
            censored += sample.answer is Answer.TIMEOUT and timeout <= limit >= sample.latency
    return Latencies(sorted(best), sorted(worst), unknown, censored, limit)


def _fastest(sample: Sample, *, late: bool) -> float:
    """How long the request may have taken if it had been sent on time; a delay of the prober is not
    attributed to the service. A timed-out request certainly took longer than the timeout, unless it
    was sent late."""
    if late:
        return 0.0
    return sample.latency if sample.answer is Answer.TIMEOUT else sample.latency - sample.lag


def _answered(sample: Sample) -> bool:
    """A timeout counts: leaving it out would make a frozen service look fast."""
    return sample.answer in (Answer.GOOD, Answer.TIMEOUT)


def allowed(answers: int, percent: float) -> int:
    """How many of a number of answers may be slower than a percentile's limit."""
    return answers - measures.rank(answers, percent) if answers else 0
