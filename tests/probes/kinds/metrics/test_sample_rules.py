"""Which values count, against a Prometheus that is only arithmetic: samples, and when each ends."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.model.verdict import Window
from resilience.probes.kinds.metrics.sample_rules import Samples

TIMES = st.lists(st.floats(-40, 100), min_size=1, max_size=40)
WINDOW = Window(since=0.0, until=60.0)


def evaluated(samples: list[float], rules: Samples, began: float) -> list[float]:
    """The moments in the window at which a query of this metric has a value."""
    count = int((WINDOW.until - began) / rules.step) + 1
    moments = [began + number * rules.step for number in range(count)]
    return [at for at in moments if WINDOW.since <= at
            and any(at - rules.lasts < each <= at for each in samples)]  # fmt: skip


@given(samples=TIMES, lasts=st.integers(1, 30), began=st.floats(-20, 0))
def test_values_that_count_come_with_a_sample_of_the_window(
    samples: list[float], lasts: int, began: float
) -> None:
    rules = Samples(query="queue", lasts=float(lasts))
    moments = evaluated(samples, rules, began)
    if moments and not rules.early(moments, WINDOW):
        assert any(WINDOW.since <= each <= WINDOW.until for each in samples)


@given(samples=TIMES, lasts=st.integers(1, 30), began=st.floats(-20, 0))
def test_without_a_hole_no_two_samples_in_a_row_are_missing(
    samples: list[float], lasts: int, began: float
) -> None:
    rules = Samples(query="queue", lasts=float(lasts))
    moments = evaluated(samples, rules, began)
    if moments and not rules.hole(moments, WINDOW):
        taken = [WINDOW.since, *sorted(each for each in samples if 0 <= each <= 60), WINDOW.until]
        longest = max(later - earlier for earlier, later in pairwise(taken))
        assert longest <= 2 * lasts + 2 * rules.step + 1


@pytest.mark.parametrize("apart", [1, 5, 15, 30])
def test_samples_as_far_apart_as_they_last_leave_no_hole(apart: int) -> None:
    rules = Samples(query="queue", lasts=float(apart))
    every = [float(at) for at in range(-apart, 61, apart)]
    assert rules.hole(evaluated(every, rules, -0.5), WINDOW) == ""
    assert rules.hole(evaluated(every[:2] + every[3:], rules, -0.5), WINDOW) == ""  # one is missing


@pytest.mark.parametrize("apart", [15, 30])
def test_samples_further_apart_than_they_last_leave_a_hole(apart: int) -> None:
    rules = Samples(query="queue", lasts=apart / 3)
    every = [float(at) for at in range(-apart, 61, apart)]
    told = rules.hole(evaluated(every, rules, -0.5), WINDOW)
    assert told.startswith(f"no data for {apart * 2 // 3 + rules.step:g}s of 60s; ")
    assert told.endswith(
        f"where samples are more than {apart // 3}s apart, `resolution` has to say so"
    )


def test_a_window_shorter_than_a_sample_lasts_proves_nothing() -> None:
    rules = Samples(query="queue", lasts=30.0)
    assert "every value may be of a sample before the 60s that are judged" in rules.early(
        [1.0, 29.9], WINDOW
    )
    assert rules.early([30.0, 5.0], WINDOW) == ""
    assert Samples(query="rate(queue[1m])", lasts=30.0).early([1.0], WINDOW) == ""


@pytest.mark.parametrize(
    ("query", "ranged"),
    [
        ("queue", False),
        ("rate(queue[30s])", True),
        ('queue{path="/a[0]"}', False),
        ('queue{path=~"[ab]"} or rate(queue[1m])', True),
        (r'queue{path="a\"[b"}', False),
        ("queue{path='[1m]'}", False),
        ("queue{path=`[1m]`}", False),
        ("max_over_time(sum(queue)[1m:5s])", True),
    ],
)
def test_a_range_is_not_what_stands_in_a_text(query: str, ranged: bool) -> None:
    assert Samples(query=query, lasts=5.0).ranged is ranged


@pytest.mark.parametrize(("lasts", "step"), [(1, 1), (5, 1), (9, 1), (15, 3), (30, 6), (60, 12)])
def test_a_sample_is_seen_about_five_times(lasts: int, step: int) -> None:
    assert Samples(query="queue", lasts=float(lasts)).step == step
