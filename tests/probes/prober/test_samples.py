"""The log: rows in any order, samples in theirs; nothing skipped, nothing read too early."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.model.samples import Answer
from resilience.probes.agent.answers import ANSWERS
from resilience.probes.prober.samples import SampleLog

GOOD, REFUSED, UNSENT = (ANSWERS.index(name) for name in ("GOOD", "REFUSED", "UNSENT"))


def log() -> SampleLog:
    made = SampleLog()
    made.begin(100.0, 0.01, ANSWERS)
    return made


def test_the_prober_knows_every_answer_of_the_model() -> None:
    assert set(ANSWERS) == {answer.name for answer in Answer}


def test_a_row_becomes_a_sample() -> None:
    made = log()
    made.add([0, 150, 2500, GOOD, 200, "checkout-1"])
    sample = made[0]
    assert (sample.seq, sample.intended, sample.status, sample.by) == (0, 100.0, 200, "checkout-1")
    assert sample.lag == pytest.approx(0.00015)
    assert sample.latency == pytest.approx(0.0025)


def test_a_request_that_was_never_sent_has_no_moment_of_sending() -> None:
    made = log()
    made.add([0, None, 500, UNSENT])
    assert (made[0].sent, made[0].answer) == (None, Answer.UNSENT)
    assert made[0].lag == pytest.approx(0.0005)


def test_a_sample_is_not_counted_before_all_earlier_ones_have_ended() -> None:
    made = log()
    made.add([1, 0, 100, GOOD, 200, ""])
    assert (len(made), made.good) == (0, 0)
    made.add([0, 0, 9000, REFUSED])
    assert (len(made), made.good, made.streak) == (2, 1, 1)


def test_the_same_row_twice_changes_nothing() -> None:
    made = log()
    for _ in range(2):
        made.add([0, 0, 100, GOOD, 200, "a"])
    assert (len(made), made.good, made.streak) == (1, 1, 1)


def test_beyond_the_last_sample_is_an_error_and_before_the_first_too() -> None:
    made = log()
    made.add([0, 0, 100, GOOD, 200, ""])
    for index in (1, -2):
        with pytest.raises(IndexError):
            made[index]
    assert made[-1] == made[0]


@given(st.permutations(range(30)), st.sets(st.integers(0, 29)))
def test_the_order_of_arrival_does_not_matter(order: list[int], failed: set[int]) -> None:
    made = log()
    for seq in order:
        made.add([seq, 0, 100 + seq, REFUSED if seq in failed else GOOD])
    assert [sample.seq for sample in made] == list(range(30))
    assert {s.seq for s in made if s.answer is Answer.REFUSED} == failed
    assert made.good == 30 - len(failed)
    assert made.streak == 29 - max(failed, default=-1)
    assert [sample.seq for sample in made.tail(5)] == [25, 26, 27, 28, 29]
