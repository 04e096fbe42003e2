"""What was not seen is known, and by whom it matters."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.engine.evidence.sight import BLIND, GAP, LAG, Gap, Lookout, earliest


class Time:
    """Moves when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def lookout(time: Time, answers: list[bool], takes: float = 0.0) -> Lookout:
    def ask() -> bool:
        time.now += takes
        return answers.pop(0)

    return Lookout(ask, time, every=0.0)


def test_what_lies_between_two_good_answers_far_apart_was_not_seen() -> None:
    time = Time()
    seen = lookout(time, [True, True, True])
    for at in (101.0, 108.0, 109.0):
        time.now = at
        assert seen.confirm()
    assert seen.gaps() == [Gap(101.0, 108.0)]
    assert seen.blind_since() is None


def test_an_answer_that_came_late_ends_what_was_not_seen() -> None:
    time = Time()
    seen = lookout(time, [True], takes=7.0)  # a server that was frozen: the same connection
    assert seen.confirm()
    assert seen.gaps() == [Gap(100.0, 107.0)]


def test_a_gap_that_is_not_over_is_one_and_makes_blind() -> None:
    time = Time()
    seen = lookout(time, [])
    time.now = 100.0 + GAP + 0.1
    assert seen.gaps() == [Gap(100.0)]
    assert seen.blind_since() is None
    time.now = 100.0 + BLIND + 0.1
    assert seen.blind_since() == 100.0


def test_what_does_not_answer_is_asked_again_for_a_while_and_not_for_ever() -> None:
    time = Time()
    assert lookout(time, [False, False, True], takes=1.0).confirm()
    assert not lookout(time, [False] * 100, takes=1.0).confirm()


def test_it_asks_by_itself_and_ends_with_the_run() -> None:
    asked = threading.Event()

    def answers() -> bool:
        asked.set()
        return True

    with Lookout(answers, Time(), every=0.001) as seen:
        assert asked.wait(30.0)
    assert not seen._thread.is_alive()


@pytest.mark.parametrize(
    ("received", "first"),
    [(9.0, 9.0), (10.5, 10.0), (15.0, 10.0), (15.0 + LAG, 10.0), (15.5, 15.5), (31.0, 30.0)],
)
def test_an_event_may_be_as_old_as_the_gap_it_came_out_of(received: float, first: float) -> None:
    assert earliest(received, [Gap(10.0, 15.0), Gap(30.0)]) == first


@given(st.lists(st.floats(0.01, 20.0), min_size=1, max_size=30), st.floats(0.0, 1.0))
def test_every_moment_far_from_an_answer_lies_in_a_gap(pauses: list[float], part: float) -> None:
    time = Time()
    seen = lookout(time, [True] * len(pauses))
    for pause in pauses:
        before = time.now
        time.now += pause
        seen.confirm()
        moment = before + part * (time.now - before)
        covered = any(gap.since <= moment <= (gap.until or moment) for gap in seen.gaps())
        assert covered or time.now - before <= GAP
