"""Measures to the edge, and their properties over arbitrary samples."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.model.samples import Answer
from resilience.model.verdict import Window
from resilience.probes import measures
from tests.probes.made import at, made

HUNDREDTH = 0.01
NINETY_NINE = Fraction(99, 100)


def outages(pattern: str, interval: float = HUNDREDTH, objective: Fraction = NINETY_NINE) -> list[
    tuple[float, float, int]
]:  # fmt: skip
    found = measures.outages(made(pattern, interval), interval, objective)
    return [(round(o.since, 6), round(o.until, 6), o.lost) for o in found]


def test_availability_counts_what_could_not_be_sent() -> None:
    tally = measures.tally(made("++u+"))
    assert (tally.planned, tally.good, tally.availability) == (4, 3, Fraction(3, 4))


def test_nothing_planned_is_nothing_good() -> None:
    assert measures.tally([]).availability == 0


def test_a_window_takes_its_first_moment_and_not_its_last() -> None:
    samples = made("+" * 10, 1.0)
    inside = measures.within(samples, Window(since=2.0, until=5.0))
    assert [sample.seq for sample in inside] == [2, 3, 4]


def test_one_failure_in_a_hundred_is_no_outage_at_99_percent() -> None:
    assert outages("+" * 99 + "-" + "+" * 100) == []


def test_two_failures_within_a_second_are_one_outage() -> None:
    assert outages("+" * 100 + "--" + "+" * 100) == [(1.0, 1.02, 2)]


def test_two_failures_just_within_one_window_belong_together() -> None:
    assert outages("+" * 100 + "-" + "+" * 98 + "-" + "+" * 100) == [(1.0, 2.0, 2)]


def test_two_failures_a_window_apart_are_no_outage() -> None:
    assert outages("+" * 100 + "-" + "+" * 99 + "-" + "+" * 100) == []


def test_a_hard_outage_lasts_from_the_first_failure_to_the_next_good_answer() -> None:
    assert outages("+" * 100 + "-" * 30 + "+" * 100) == [(1.0, 1.3, 30)]


def test_a_service_half_gone_is_one_long_outage() -> None:
    assert outages("+" * 100 + "-+" * 150 + "+" * 100) == [(1.0, 3.99, 150)]


def test_exactly_the_objective_in_each_window_is_no_outage() -> None:
    assert outages(("-" + "+" * 9) * 30, objective=Fraction(9, 10)) == []


def test_one_less_than_the_objective_in_each_window_is_an_outage() -> None:
    pattern = ("-" + "+" * 9) * 15 + "-"
    assert outages("+" * 100 + "-" + pattern + "+" * 100, objective=Fraction(9, 10)) != []


def test_outages_far_apart_are_told_apart() -> None:
    pattern = "+" * 100 + "-" * 5 + "+" * 200 + "-" * 7 + "+" * 100
    assert outages(pattern) == [(1.0, 1.05, 5), (3.05, 3.12, 7)]


def test_an_outage_at_either_edge_of_the_samples_is_found() -> None:
    assert outages("--" + "+" * 196 + "--") == [(0.0, 0.02, 2), (1.98, 2.0, 2)]


def test_at_low_rates_an_outage_is_a_run_of_failures() -> None:
    assert outages("+--+-+", 0.5) == [(0.5, 1.5, 2), (2.0, 2.5, 1)]


def test_less_than_a_second_of_samples_is_judged_by_runs() -> None:
    assert outages("+" * 40 + "-" + "+" * 40) == [(0.4, 0.41, 1)]


def test_an_outage_carries_the_resolution_of_the_rate_and_its_answers() -> None:
    (found,) = measures.outages(made("+" * 100 + "-t-" + "+" * 100), HUNDREDTH, NINETY_NINE)
    assert found.resolution == HUNDREDTH
    assert found.answers == {"connection refused": 2, "timed out": 1}


def test_no_samples_have_no_outage() -> None:
    assert outages("") == []


def test_one_failed_sample_is_an_outage_of_one_interval() -> None:
    assert outages("-") == [(0.0, 0.01, 1)]


@given(st.text("+-tu", max_size=400), st.sampled_from([0.01, 0.02, 0.05, 0.2, 1.0]),
       st.fractions(0, 1))  # fmt: skip
def test_outages_are_ordered_and_begin_and_end_with_a_failure(
    pattern: str, interval: float, objective: Fraction
) -> None:
    samples = made(pattern, interval)
    found = measures.outages(samples, interval, objective)
    assert [o.since for o in found] == sorted(o.since for o in found)
    for outage in found:
        inside = measures.within(samples, Window(since=outage.since, until=outage.until))
        assert inside[0].answer is not Answer.GOOD
        assert inside[-1].answer is not Answer.GOOD
        assert outage.lost == sum(sample.answer is not Answer.GOOD for sample in inside)


@given(st.text("+-", min_size=100, max_size=400), st.fractions(0, 1))
def test_every_failure_in_a_window_below_the_objective_lies_in_an_outage(
    pattern: str, objective: Fraction
) -> None:
    samples = made(pattern, HUNDREDTH)
    found = measures.outages(samples, HUNDREDTH, objective)
    for first in range(len(samples) - 99):
        window = samples[first : first + 100]
        failed = [s for s in window if s.answer is not Answer.GOOD]
        if len(window) - len(failed) < objective * 100:
            assert all(any(o.since <= s.intended < o.until for o in found) for s in failed)


@pytest.mark.parametrize(
    ("count", "percent", "expected"), [(1, 50, 1), (100, 99, 99), (101, 99, 100), (10, 99.9, 10)]
)
def test_the_rank_is_the_nearest_one(count: int, percent: float, expected: int) -> None:
    assert measures.rank(count, percent) == expected


def test_a_percentile_needs_ten_values_above_it() -> None:
    values = [float(value) for value in range(1, 1001)]
    assert measures.percentile(values, 99) == 990.0
    assert measures.percentile(values[:-1], 99) is None


@given(st.integers(1, 5000), st.sampled_from([50.0, 90.0, 95.0, 99.0, 99.9]))
def test_the_number_said_to_be_needed_is_the_fewest_that_do(count: int, percent: float) -> None:
    found = measures.percentile([1.0] * count, percent)
    assert (found is not None) == (count >= measures.samples_for_percentile(percent))


def test_a_timed_out_request_counts_as_long_as_it_waited() -> None:
    assert measures.latencies([at(0, "+", took=0.1), at(1, "t", took=1.0), at(2, "-")]) == [
        0.1,
        1.0,
    ]
