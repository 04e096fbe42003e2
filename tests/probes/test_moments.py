"""What requests say about the moments around which they left."""

from __future__ import annotations

import pytest

from resilience.model.samples import Sample
from resilience.model.verdict import Window
from resilience.probes.moments import Seen, State, reach, seen
from tests.probes.made import at

INTERVAL = 0.01
LAG = 0.025
"""More than the reach: no request speaks for its own moment, and four speak for each other's."""


def view(samples: list[Sample], interval: float = INTERVAL) -> Seen:
    window = Window(since=samples[0].intended, until=samples[-1].intended + interval)
    return seen(samples, interval, window)


def late(pattern: str) -> list[Sample]:
    return [at(i * INTERVAL, sign, lag=LAG, seq=i) for i, sign in enumerate(pattern)]


def states(samples: list[Sample]) -> list[State]:
    """Without the first moments, before which nothing left."""
    return [moment.state for moment in view(samples).moments[5:]]


def test_the_reach_is_20_ms_or_one_interval() -> None:
    assert reach(0.01) == pytest.approx(0.020, abs=2e-6)
    assert reach(0.5) == pytest.approx(0.5, abs=2e-6)


@pytest.mark.parametrize(("lag", "known"), [(0.020, True), (0.021, False)])
def test_a_request_speaks_for_its_own_moment_within_the_reach(lag: float, known: bool) -> None:
    [moment] = view([at(0.0, "+", lag=lag)]).moments
    assert moment.state.known == known


def test_others_that_were_all_answered_well_make_a_moment_good() -> None:
    assert set(states(late("+" * 40))) == {State.GOOD}


def test_others_that_all_failed_make_a_moment_bad() -> None:
    assert set(states(late("-" * 40))) == {State.BAD}


def test_others_that_disagree_leave_a_moment_unknown_unless_one_failed_at_it() -> None:
    found = states(late("+-" * 20))
    assert set(found) == {State.BAD, State.BESIDE}
    assert State.GOOD not in found


def test_what_never_left_is_unknown_whatever_happened_around_it() -> None:
    samples = [at(i * INTERVAL, "u" if i == 20 else "+", seq=i) for i in range(40)]
    assert view(samples).moments[20].state is State.BETWEEN
    samples = [at(i * INTERVAL, "u" if i == 20 else "-", seq=i) for i in range(40)]
    assert view(samples).moments[20].state is State.BESIDE


def test_the_longest_span_without_a_request_is_the_resolution() -> None:
    samples = [at(i * INTERVAL, "+", lag=max(0.0, 0.2 - i * INTERVAL), seq=i) for i in range(40)]
    whole = [at(-INTERVAL, "+"), *samples]
    found = seen(whole, INTERVAL, Window(since=0.0, until=0.4))
    assert found.resolution == pytest.approx(0.21)
    assert found.worst_lag == pytest.approx(0.2)


def test_moments_that_lack_at_an_end_are_missing_beyond_two_intervals() -> None:
    samples = [at(i * INTERVAL, "+", seq=i) for i in range(100)]
    assert seen(samples, INTERVAL, Window(since=-0.02, until=1.0)).missing == 0
    found = seen(samples, INTERVAL, Window(since=-0.5, until=1.3))
    assert (found.before, found.after) == (50, 30)
