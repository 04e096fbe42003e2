"""What a probe's requests say about each planned moment of a window: good, bad, or unknown. Pure.

The rules are in docs/explanation/judgement.md, "What is known and what is not". A request is
evidence for the moments within the *reach* of the time at which it was sent. Objectives play no
role here (see `bounds`).
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import accumulate, groupby, pairwise

from resilience.model.samples import Answer, Sample
from resilience.model.verdict import Window
from resilience.probes import measures

REACH = 0.020
"""The reach of a request in seconds before and after it was sent, if its interval is not longer."""

MICROSECOND = 1e-6
"""The resolution of a prober's timestamps."""

EDGE = 2.001
"""Number of intervals that may be missing at either end of the window; that is resolution, not
uncertainty."""


class State(Enum):
    """What is known about one planned moment."""

    GOOD = "good"
    BAD = "bad"
    BETWEEN = "unknown, between two good answers"
    BESIDE = "unknown, beside a failed request"

    @property
    def known(self) -> bool:
        """Whether some request is evidence for this moment."""
        return self in (State.GOOD, State.BAD)


@dataclass(frozen=True, slots=True)
class Moment:
    """One planned moment. `sample` is the request planned for the moment; `answer` is that of a
    request that is evidence for it."""

    state: State
    sample: Sample
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A window as its requests show it. `before` and `after` are the numbers of planned moments
    missing at its ends; `resolution` is the largest span without a request; `over_late` says that
    every request that never left was skipped because the prober was late by more than the
    timeout."""

    moments: Sequence[Moment]
    before: int
    after: int
    interval: float
    resolution: float
    late: int
    unsent: int
    over_late: bool
    worst_lag: float

    @property
    def missing(self) -> int:
        """Planned moments that the prober did not get to."""
        return self.before + self.after

    @property
    def planned(self) -> int:
        """All moments that the window should have."""
        return len(self.moments) + self.missing

    @property
    def bad(self) -> int:
        """Moments that failed for certain."""
        return sum(moment.state is State.BAD for moment in self.moments)

    @property
    def unknown(self) -> int:
        """Moments about which nothing is known."""
        return self.missing + sum(not moment.state.known for moment in self.moments)

    @property
    def hidden(self) -> float:
        """The longest unseen outage that fits between two good answers, in seconds."""
        runs = groupby(self.moments, key=lambda moment: moment.state is State.BETWEEN)
        longest = max((sum(1 for _ in run) for between, run in runs if between), default=0)
        return longest * self.interval


def reach(interval: float) -> float:
    """Seconds by which a request may miss its moment and still count for it."""
    return max(REACH, interval) + MICROSECOND


def seen(
    samples: Sequence[Sample],
    interval: float,
    window: Window,
    *,
    timeout: float = math.inf,
    within: float | None = None,
) -> Seen:
    """`samples` may extend beyond the window on both sides; `within` replaces the reach."""
    inside = measures.within(samples, window)
    left = _Left(samples, reach(interval) if within is None else within)
    moments = [_moment(sample, left) for sample in inside]
    before, after = _missing(inside, interval, window)
    unsent = [sample for sample in inside if sample.sent is None]
    return Seen(
        moments=_with_failures(moments, left.late_failures, interval),
        before=before,
        after=after,
        interval=interval,
        resolution=_resolution(left.times, window) if inside else window.length,
        late=sum(s.sent is not None and s.lag > left.reach for s in inside),
        unsent=len(unsent),
        over_late=all(sample.lag > timeout for sample in unsent),
        worst_lag=max((sample.lag for sample in inside), default=0.0),
    )


class _Left:
    """All requests that left, in the order in which they left."""

    def __init__(self, samples: Sequence[Sample], reach: float) -> None:
        pairs = [(s.sent, s) for s in samples if s.sent is not None]
        pairs.sort(key=lambda pair: pair[0])
        self.reach = reach
        self.times = [time for time, _ in pairs]
        self._answers = [sample.answer for _, sample in pairs]
        self._good = [answer is Answer.GOOD for answer in self._answers]
        self._sum = [0, *accumulate(self._good)]
        self.late_failures = [
            (time, sample)
            for time, sample in pairs
            if sample.lag > reach and sample.answer is not Answer.GOOD
        ]

    def around(self, sample: Sample) -> Moment:
        """What the requests sent around a moment say about it."""
        first = bisect_left(self.times, sample.intended - self.reach)
        last = bisect_right(self.times, sample.intended + self.reach)
        if last == first:
            return Moment(self.gap(sample.intended), sample, sample.answer)
        good, answer = self._sum[last] - self._sum[first], self._answers[first]
        if good == last - first:
            return Moment(State.GOOD, sample, answer)
        return Moment(State.BESIDE if good else State.BAD, sample, answer)

    def gap(self, at: float) -> State:
        """What the requests at both ends of a gap say about the moments in between."""
        after = bisect_left(self.times, at)
        first, last = after, after
        if after:
            first = bisect_left(self.times, self.times[after - 1] - self.reach)
        if after < len(self.times):
            last = bisect_right(self.times, self.times[after] + self.reach)
        good = self._sum[last] - self._sum[first]
        return State.BETWEEN if good == last - first else State.BESIDE


def _moment(sample: Sample, left: _Left) -> Moment:
    if sample.sent is None:
        return Moment(left.gap(sample.intended), sample, sample.answer)
    if sample.lag > left.reach:
        return left.around(sample)
    good = sample.answer is Answer.GOOD
    return Moment(State.GOOD if good else State.BAD, sample, sample.answer)


def _with_failures(
    moments: list[Moment], failures: Sequence[tuple[float, Sample]], interval: float
) -> list[Moment]:
    """A failed request counts even if it was late: the moment nearest to its sending is bad."""
    for time, sample in failures:
        if not moments:
            break
        nearest = round((time - moments[0].sample.intended) / interval)
        if 0 <= nearest < len(moments) and moments[nearest].state is not State.BAD:
            moments[nearest] = replace(moments[nearest], state=State.BAD, answer=sample.answer)
    return moments


def _missing(inside: Sequence[Sample], interval: float, window: Window) -> tuple[int, int]:
    """Numbers of planned moments missing before the first and after the last request."""
    if not inside:
        return 0, math.floor(window.length / interval)
    before = (inside[0].intended - window.since) / interval
    after = (window.until - inside[-1].intended) / interval
    return (
        math.floor(before + MICROSECOND) if before > EDGE else 0,
        math.ceil(after - MICROSECOND) - 1 if after > EDGE else 0,
    )


def _resolution(times: Sequence[float], window: Window) -> float:
    """The largest part of the window between two consecutive requests."""
    first, last = bisect_left(times, window.since), bisect_right(times, window.until)
    marks = [window.since, *times[first:last], window.until]
    if first:
        marks[0] = times[first - 1]
    if last < len(times):
        marks[-1] = times[last]
    return max((later - earlier for earlier, later in pairwise(marks)), default=0.0)
