"""A coin for each day: the chance is right, and the same seed always says the same."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from resilience.actions.selection.chance import day_of, is_due
from resilience.model.values import Duration

FIRST = date(2026, 1, 1)


@pytest.mark.parametrize(("mtbf", "low", "high"), [("3d", 0.30, 0.37), ("10d", 0.085, 0.115)])
def test_over_many_days_it_is_due_as_often_as_mtbf_says(mtbf: str, low: float, high: float) -> None:
    days = [FIRST + timedelta(days=number) for number in range(5000)]
    due = sum(is_due(7, day, "shop/deployment/web", Duration.parse(mtbf)) for day in days)
    assert low < due / len(days) < high


@pytest.mark.parametrize("mtbf", ["1d", "12h"])
def test_a_day_or_less_is_due_every_day(mtbf: str) -> None:
    assert all(is_due(number, FIRST, "x", Duration.parse(mtbf)) for number in range(100))


def test_the_same_seed_and_day_always_say_the_same_and_workloads_have_coins_of_their_own() -> None:
    three = Duration.parse("3d")
    tossed = [[is_due(7, FIRST, f"w{n}", three) for n in range(40)] for _ in range(2)]
    assert tossed[0] == tossed[1]
    assert 0 < sum(tossed[0]) < 40
    assert tossed[0] != [is_due(8, FIRST, f"w{n}", three) for n in range(40)]


def test_days_end_at_midnight_utc() -> None:
    assert day_of(1_767_311_999.9) == date(2026, 1, 1)
    assert day_of(1_767_312_000.0) == date(2026, 1, 2)
