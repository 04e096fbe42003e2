"""Work that is done at the same time."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Event

import pytest

from resilience.backup.format.pipe import abreast


def test_work_is_done_at_the_same_time_and_its_results_keep_their_order() -> None:
    together = Barrier(4)

    def numbered(number: int) -> Callable[[], int]:
        def work() -> int:
            together.wait(60)
            return number

        return work

    assert abreast(numbered(number) for number in range(4)) == [0, 1, 2, 3]


def test_all_have_ended_before_the_first_error_in_order_is_raised() -> None:
    later_failed, ended = Event(), Event()

    def first() -> None:
        later_failed.wait(60)
        raise KeyError("first")

    def second() -> None:
        later_failed.set()
        raise ValueError("second")

    with pytest.raises(KeyError):
        abreast([first, second, ended.set])
    assert ended.is_set()
