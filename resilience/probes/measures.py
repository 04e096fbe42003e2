"""Figures from samples: availability, outages, percentiles, steadiness. Pure functions.

Samples are in order of `seq` at one rate; judging uses the intended times. Verdicts are made in
`judge`; nothing here rounds.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate

from resilience.model.samples import Answer, Sample
from resilience.model.verdict import Outage, Window

STEADY_RUN = 10
"""Good answers in a row after which a probe is steady."""

OUTAGE_WINDOW = 1.0
"""Length in seconds of the windows in which availability is computed to find an outage."""

LOW_RATE = 10
"""With fewer samples per second, one second says too little, and an outage is a sequence of
failures."""

ABOVE_PERCENTILE = 10
"""Minimum number of samples above a percentile for it to be meaningful."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How planned requests ended."""

    planned: int
    good: int
    answers: Counter[Answer] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    by: Counter[str] = field(default_factory=Counter)

    @property
    def failed(self) -> int:
        """All requests that were not good, sent or not."""
        return self.planned - self.good

    @property
    def availability(self) -> Fraction:
        """Good requests as a share of planned ones; 0 if none were planned."""
        return Fraction(self.good, self.planned) if self.planned else Fraction(0)


def within(samples: Sequence[Sample], window: Window) -> list[Sample]:
    """The samples that were intended in [since, until)."""
    return [sample for sample in samples if window.since <= sample.intended < window.until]


def tally(samples: Sequence[Sample]) -> Tally:
    """Count."""
    answers = Counter(sample.answer for sample in samples)
    statuses = Counter(s.status for s in samples if s.answer is Answer.STATUS)
    by = Counter(s.by for s in samples if s.answer is Answer.GOOD and s.by)
    return Tally(len(samples), answers[Answer.GOOD], answers, statuses, by)


def outages(samples: Sequence[Sample], interval: float, objective: Fraction) -> tuple[Outage, ...]:
    """Every outage, in order of time.

    An outage is a maximal span in which each window of one second is below the objective. It lasts
    from its first failed request to the one after its last failed request. Below ten requests a
    second, or where there is less than a second, it is a sequence of failed requests.
    """
    width = round(OUTAGE_WINDOW / interval)
    if width < LOW_RATE or len(samples) < width:
        spans = _failed_runs(samples)
    else:
        spans = _low_spans(samples, width, objective)
    return tuple(_outage(samples, first, last, interval) for first, last in spans)


def _low_spans(
    samples: Sequence[Sample], width: int, objective: Fraction
) -> Iterator[tuple[int, int]]:
    """[first, last) of the failures in each maximal run of windows below the objective."""
    good = [0, *accumulate(sample.answer is Answer.GOOD for sample in samples)]
    least = math.ceil(objective * width)
    low = [good[i + width] - good[i] < least for i in range(len(samples) - width + 1)]
    for first, last in _runs(low):
        failed = [i for i in range(first, last + width - 1) if samples[i].answer is not Answer.GOOD]
        yield failed[0], failed[-1] + 1


def _failed_runs(samples: Sequence[Sample]) -> Iterator[tuple[int, int]]:
    return _runs([sample.answer is not Answer.GOOD for sample in samples])


def _runs(flags: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """[first, last) of each maximal run of True."""
    first: int | None = None
    for index, flag in enumerate((*flags, False)):
        if flag and first is None:
            first = index
        elif not flag and first is not None:
            yield first, index
            first = None


def _outage(samples: Sequence[Sample], first: int, last: int, interval: float) -> Outage:
    failed = [sample for sample in samples[first:last] if sample.answer is not Answer.GOOD]
    counts = Counter(sample.answer.value for sample in failed)
    after = samples[last].intended if last < len(samples) else failed[-1].intended + interval
    return Outage(
        since=failed[0].intended,
        until=after,
        resolution=interval,
        lost=len(failed),
        answers=dict(counts.most_common()),
    )


def latencies(samples: Sequence[Sample]) -> list[float]:
    """Sorted latencies in seconds, from the intended time to the answer.

    Timed-out requests count with the time after which they were given up: leaving them out would
    make a frozen service look fast. A refusal or a wrong answer has no latency.
    """
    return sorted(s.latency for s in samples if s.answer in (Answer.GOOD, Answer.TIMEOUT))


def rank(count: int, percent: float) -> int:
    """Nearest rank, from 1, of a percentile among `count` values."""
    return max(1, math.ceil(Fraction(str(percent)) * count / 100))


def percentile(ordered: Sequence[float], percent: float) -> float | None:
    """Nearest-rank percentile of sorted values; None where fewer than ten lie above it."""
    at = rank(len(ordered), percent)
    return ordered[at - 1] if len(ordered) - at >= ABOVE_PERCENTILE else None


def samples_for_percentile(percent: float) -> int:
    """The smallest number of values with ten above that percentile."""
    count = math.ceil(ABOVE_PERCENTILE / (1 - Fraction(str(percent)) / 100))
    return count
