"""The workers of a restore; and volumes that are filled while something else is awaited."""

from __future__ import annotations

import threading

import pytest

from resilience.backup.restore.crew import Context, Crew, side_by_side
from resilience.backup.restore.outcome import Outcome
from resilience.backup.restore.writes.writing import Written
from tests.backup.fakes import FakeClock

CONTEXT: Context = ("configmaps", {}, "", {})


def test_as_many_pieces_of_work_run_at_once_as_there_are_workers() -> None:
    together = threading.Barrier(3)  # breaks if one waits for the other

    def work() -> Written:
        together.wait(60)
        return Written(Outcome.CREATED)

    done = list[Written]()
    with Crew(3, lambda written, context: done.append(written)) as crew:
        for _ in range(9):
            crew.give(work, CONTEXT)
        crew.finish()
    assert len(done) == 9


def test_results_come_in_order_on_the_thread_that_gives_the_work() -> None:
    done, threads = list[str](), set[int]()

    def note(written: Written, context: Context) -> None:
        done.append(written.uid + context[2])
        threads.add(threading.get_ident())

    def work(number: int) -> Written:
        return Written(Outcome.CREATED, uid=str(number))

    with Crew(4, note) as crew:
        for number in range(100):
            crew.give(lambda number=number: work(number), ("pods", {}, "!", {}))  # type: ignore[misc]
        crew.finish()
    assert done == [f"{number}!" for number in range(100)]
    assert threads == {threading.get_ident()}


def test_no_more_is_under_way_than_four_for_each_worker() -> None:
    begun, go = list[int](), threading.Event()
    given = 0

    def note(written: Written, context: Context) -> None:
        assert given <= 8

    def work() -> Written:
        begun.append(1)
        assert go.wait(60)
        return Written(Outcome.CREATED)

    with Crew(2, note) as crew:
        for _ in range(8):
            crew.give(work, CONTEXT)
            given += 1
        go.set()
        crew.give(work, CONTEXT)  # waits for the first four
        assert crew.under_way == 5
        crew.finish()
    assert len(begun) == 9


def test_the_failure_of_a_piece_is_raised_and_the_rest_has_ended_when_the_block_is_left() -> None:
    begun, go, ended = threading.Event(), threading.Event(), list[int]()

    def fails() -> Written:
        begun.set()
        raise KeyError("broken")

    def late() -> Written:
        assert go.wait(60)
        ended.append(1)
        return Written(Outcome.CREATED)

    def all_of_them() -> None:
        with Crew(2, lambda *_: None) as crew:
            crew.give(fails, CONTEXT)
            for _ in range(3):
                crew.give(late, CONTEXT)
            assert begun.wait(60)
            go.set()
            crew.finish()

    with pytest.raises(KeyError, match="broken"):
        all_of_them()
    assert ended == [1, 1, 1]


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
