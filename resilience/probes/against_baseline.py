"""Whether a window is worse than the baseline of the same run: p95 with confidence bounds. Pure.

A failed request counts as infinitely slow, so that one measure covers errors and slowness. Both
95th percentiles get distribution-free bounds from order statistics (Hahn and Meeker, Statistical
Intervals, 5.2): the number of requests below a percentile is binomial, whatever the latencies look
like. Each bound holds with 97.5 %, so a verdict, which rests on two of them, with 95 %.

Unknown requests took no time in the best case and infinite time in the worst. The rules are in
docs/explanation/judgement.md, "No worse than the baseline".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from resilience.model.samples import Answer
from resilience.probes.moments import Seen, State

PERCENT = 95
DOUBT = 0.025
"""Probability with which one bound is wrong."""

SAMPLES_NEEDED = 72
"""With fewer requests there is no upper bound for p95: 0.95**72 is the first below `DOUBT`."""

FINE = 0.005
"""A smaller difference, in seconds, is ignored, because networks and schedulers cause differences
of that size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """p95 of one window in seconds: the observed value, and its bounds given chance and unknown
    requests. It is inf if 5% of all requests failed, or may have failed."""

    observed: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """`worse` and `no_worse` exclude each other; if neither holds, there is no verdict."""

    baseline: Span
    window: Span
    allowed: Fraction

    @property
    def no_worse(self) -> bool:
        """Worse than the baseline, even if chance and all unknown requests favour the window."""
        return self.window.high <= self._limit(self.baseline.low) < math.inf

    @property
    def worse(self) -> bool:
        """Not worse than the baseline, even if chance and all unknown requests favour the
        baseline."""
        return self.window.low > self._limit(self.baseline.high)

    @property
    def increase(self) -> float:
        """The increase of the observed p95, as a share: 0.5 means 50% longer."""
        return _increase(self.window.observed, self.baseline.observed)

    @property
    def least(self) -> float:
        """Increase in the best case."""
        return _increase(self.window.low, self.baseline.high)

    @property
    def most(self) -> float:
        """Increase in the worst case."""
        return _increase(self.window.high, self.baseline.low)

    def _limit(self, baseline: float) -> float:
        return max(baseline * float(1 + self.allowed), baseline + FINE)


def compared(baseline: Seen, window: Seen, allowed: Fraction) -> Compared:
    """A window, its baseline, and the share by which the window may be worse."""
    return Compared(baseline=span(baseline), window=span(window), allowed=allowed)


def span(seen: Seen) -> Span:
    """Its p95."""
    best, worst = (sorted(times) for times in zip(*_times(seen), strict=True))
    middle = max(1, math.ceil(Fraction(PERCENT, 100) * len(best)))
    low, high = ranks(len(best))
    return Span(
        observed=_at(worst, middle), low=_at(best, low) if low else 0.0, high=_at(worst, high)
    )


def ranks(count: int) -> tuple[int, int]:
    """Ranks (from 1) of the values that bound the true percentile from below and above, each with
    error probability `DOUBT`; 0 and `count` + 1 if there is no such value."""
    share = PERCENT / 100
    low = high = 0
    below = 0.0
    start = max(0, math.floor(count * share - 12 * math.sqrt(count * share * (1 - share)) - 1))
    for number in range(start, count + 1):  # values below `start` do not matter
        low = number if below <= DOUBT else low
        below += _binomial(count, number, share)
        if below >= 1 - DOUBT:
            high = number + 1
            break
    return low, high or count + 1


def _binomial(count: int, number: int, share: float) -> float:
    ways = math.lgamma(count + 1) - math.lgamma(number + 1) - math.lgamma(count - number + 1)
    return math.exp(ways + number * math.log(share) + (count - number) * math.log1p(-share))


def _times(seen: Seen) -> Iterator[tuple[float, float]]:
    """Latency of each planned request in the best and the worst case, in seconds."""
    for moment in seen.moments:
        sample = moment.sample
        if moment.state is State.BAD:
            yield math.inf, math.inf
        elif moment.state is not State.GOOD or sample.answer is not Answer.GOOD:
            yield 0.0, math.inf
        else:
            yield max(0.0, sample.latency - sample.lag), sample.latency
    yield from [(0.0, math.inf)] * (seen.missing or not seen.moments)


def _at(ordered: Sequence[float], rank: int) -> float:
    return ordered[rank - 1] if rank <= len(ordered) else math.inf


def _increase(window: float, baseline: float) -> float:
    if window == math.inf:
        return math.inf
    return window / baseline - 1 if 0 < baseline < math.inf else -1.0 if baseline else 0.0
