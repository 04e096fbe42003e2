"""Volumes are filled while something else is awaited; both have ended afterwards."""

from __future__ import annotations

import threading

import pytest

from resilience.backup.restore.crew import side_by_side
from tests.backup.fakes import FakeClock


def test_both_run_at_once() -> None:
    both = threading.Barrier(2, timeout=60)  # breaks if one waits for the other
    assert side_by_side(both.wait, both.wait, FakeClock())[0] in (0, 1)


def test_only_what_the_other_takes_beyond_it_is_counted() -> None:
    clock, filled = FakeClock(), threading.Event()

    def fill() -> str:
        clock.wait(5)
        filled.set()
        return "filled"

    def longer() -> None:
        assert filled.wait(60)
        clock.wait(2)

    result, beyond = side_by_side(fill, longer, clock)
    assert result == "filled"
    assert 0 <= beyond <= 2
    assert side_by_side(lambda: "at once", lambda: None, clock)[1] == 0


@pytest.mark.parametrize("failing", ["work", "other"])
def test_a_failure_of_either_is_raised_when_both_have_ended(failing: str) -> None:
    ended: list[str] = []

    def part(name: str) -> None:
        ended.append(name)
        if name == failing:
            raise ValueError(name)

    with pytest.raises(ValueError, match=failing):
        side_by_side(lambda: part("work"), lambda: part("other"), FakeClock())
    assert sorted(ended) == ["other", "work"]
