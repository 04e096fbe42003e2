"""The API server's time is read from its answers, whatever this host's clock says."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.kube.clock import ServerClock, of_header, of_stamp

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC).timestamp()


def date(seconds: float) -> str:
    """As a server writes it: cut to whole seconds."""
    return format_datetime(datetime.fromtimestamp(int(seconds), UTC), usegmt=True)


@given(
    st.floats(0, 5000),
    st.lists(st.tuples(st.floats(0, 60), st.floats(0, 0.4)), min_size=1, max_size=12),
)
def test_it_is_never_ahead_of_the_server_and_at_most_a_second_and_an_answer_behind(
    offset: float, answers: list[tuple[float, float]]
) -> None:
    clock, monotonic = ServerClock(), 0.0
    for pause, took in answers:
        monotonic += pause
        clock.heard(date(NOON + offset + monotonic), monotonic + took)
        monotonic += took
    told = clock.at(monotonic)
    assert told is not None
    assert -1.5 < told - (NOON + offset + monotonic) <= 1e-3


def test_many_answers_narrow_the_second_that_a_date_leaves_open() -> None:
    clock = ServerClock()
    for tenth in range(11):
        clock.heard(date(NOON + 0.5 + tenth / 10), tenth / 10)
    assert clock.at(1.0) == pytest.approx(NOON + 1.5, abs=0.11)


@pytest.mark.parametrize("step", [-600.0, 600.0])
def test_a_clock_that_is_set_during_the_run_is_followed(step: float) -> None:
    clock = ServerClock()
    clock.heard(date(NOON), 0.0)
    clock.heard(date(NOON + 10 + step), 10.0)
    assert clock.at(10.0) == NOON + 10 + step


@pytest.mark.parametrize("header", ["", "yesterday", "0"])
def test_without_a_usable_date_nothing_is_known(header: str) -> None:
    clock = ServerClock()
    clock.heard(header, 1.0)
    assert clock.at(2.0) is None
    assert of_header(header) is None


def test_a_stamp_is_read_and_a_missing_one_is_the_beginning_of_time() -> None:
    assert of_stamp("2026-03-02T12:00:00Z") == NOON
    assert of_stamp("") == 0.0
