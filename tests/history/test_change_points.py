"""A change of level is found where it is; chance, and what nobody cares about, is not."""

from __future__ import annotations

import random

import pytest

from resilience.history.change_points import changes


def noisy(*levels: tuple[int, float], seed: int, spread: float = 0.1) -> list[float]:
    chance = random.Random(seed)
    return [level * chance.lognormvariate(0, spread) for count, level in levels
            for _ in range(count)]  # fmt: skip


@pytest.mark.parametrize("seed", range(10))
def test_a_doubled_level_is_found_within_two_runs(seed: int) -> None:
    [found] = changes(noisy((40, 1.0), (40, 2.0), seed=seed))
    assert abs(found.at - 40) <= 2
    assert found.ratio == pytest.approx(2.0, rel=0.2)


def test_two_changes_are_both_found() -> None:
    found = changes(noisy((50, 1.0), (50, 3.0), (50, 0.5), seed=4))
    assert [round(each.at, -1) for each in found] == [50, 100]
    assert [each.ratio > 1 for each in found] == [True, False]


def test_chance_alone_is_rarely_marked() -> None:
    marked = sum(bool(changes(noisy((100, 1.0), seed=seed, spread=0.3))) for seed in range(300))
    assert marked <= 3


def test_a_true_change_that_is_small_is_nobodys_business() -> None:
    assert changes([1.0] * 50 + [1.05] * 50) == []
    assert changes([0.9999] * 50 + [0.9996] * 50, floor=0.0005) == []


def test_a_few_wild_values_are_no_change() -> None:
    assert changes([1.0, 1.1, 0.9, 1.0, 50.0] * 12) == []


def test_a_spike_alone_is_no_change_and_steps_close_together_are_one() -> None:
    assert changes([100.0] * 20 + [300.0] + [100.0] * 20) == []
    found = changes([100.0] * 20 + [130.0] * 2 + [150.0] * 20)
    assert [each.after for each in found] == [150.0]


def test_a_change_from_zero_has_an_infinite_ratio() -> None:
    [found] = changes([0.0] * 20 + [1.0] * 20)
    assert (found.at, found.before, found.after, found.ratio) == (20, 0.0, 1.0, float("inf"))


@pytest.mark.parametrize("count", range(10))
def test_too_few_runs_say_nothing(count: int) -> None:
    assert changes([float(index >= count // 2) for index in range(count)]) == []
