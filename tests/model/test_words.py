"""Numbers in readable form."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.model.words import counts, many, percent, span


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0ms"),
        (0.0123, "12.3ms"),
        (0.32, "320ms"),
        (0.9996, "1s"),
        (1.235, "1.24s"),
        (119.94, "119.94s"),
        (119.96, "2m 0s"),
        (125, "2m 5s"),
        (179.7, "3m 0s"),
        (7199, "119m 59s"),
        (7200, "2h 0m"),
        (93_600, "26h 0m"),
        (10_799, "3h 0m"),
    ],
)
def test_a_span_has_the_unit_that_people_would_use(seconds: float, text: str) -> None:
    assert span(seconds) == text


SIZES = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@given(st.floats(min_value=0, max_value=10_000_000))
def test_a_span_is_right_to_a_hundredth_and_carries_no_sixty(seconds: float) -> None:
    parts = [(float(n), unit) for n, unit in re.findall(r"([\d.e+-]+)(ms|s|m|h)", span(seconds))]
    assert sum(number * SIZES[unit] for number, unit in parts) == pytest.approx(
        seconds, rel=0.01, abs=1e-9
    )
    assert all(number < 60 for number, _ in parts[1:])


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 Pods"), (1, "1 Pod"), (2, "2 Pods"), (1234, "1,234 Pods")]
)
def test_a_count_agrees_with_its_noun(count: int, text: str) -> None:
    assert many(count, "Pod") == text


@given(st.integers(0, 10**7), st.integers(1, 10**7))
def test_a_percentage_is_never_rounded_up(part: int, whole: int) -> None:
    ratio = Fraction(min(part, whole), whole)
    shown = Fraction(percent(ratio).removesuffix("%")) / 100
    assert 0 <= ratio - shown < Fraction(1, 100_000)


def test_the_most_frequent_comes_first_and_the_rest_is_counted() -> None:
    assert counts({"b": 2, "a": 2, "c": 7}) == "7 c, 2 a, 2 b"
    assert counts({"b": 2, "a": 2, "c": 7000}, most=1) == "7,000 c, 4 others"
    assert counts({}) == ""
