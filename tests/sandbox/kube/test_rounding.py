"""The rounding of percentages (rules 3.2)."""

from __future__ import annotations

import pytest

from resilience.sandbox.kube.rounding import fenceposts, scaled


@pytest.mark.parametrize(
    ("value", "total", "up", "down"),
    [(3, 10, 3, 3), ("30%", 7, 3, 2), ("50%", 7, 4, 3), ("1%", 7, 1, 0), ("99%", 10, 10, 9),
     ("100%", 10, 10, 10), ("0%", 10, 0, 0), ("150%", 2, 3, 3)],
)  # fmt: skip
def test_percentages_round_the_way_the_caller_says(
    value: int | str, total: int, up: int, down: int
) -> None:
    assert (scaled(value, total, "up"), scaled(value, total, "down")) == (up, down)


@pytest.mark.parametrize("text", ["x%", "10", "", "%"])
def test_what_is_no_percentage_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        scaled(text, 10, "up")


@pytest.mark.parametrize(
    ("surge", "unavailable", "replicas", "expected"),
    [("25%", "25%", 3, (1, 0)), ("25%", "25%", 10, (3, 2)), ("25%", "25%", 1, (1, 0)),
     (0, "25%", 3, (0, 1)), (0, 0, 5, (0, 1)), ("0%", "10%", 5, (0, 1)), (2, 0, 5, (2, 0))],
)  # fmt: skip
def test_surge_rounds_up_unavailability_down_and_never_both_zero(
    surge: int | str, unavailable: int | str, replicas: int, expected: tuple[int, int]
) -> None:
    assert fenceposts(surge, unavailable, replicas) == expected
