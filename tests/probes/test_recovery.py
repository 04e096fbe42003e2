"""`recovery`: from the end of the last action until all is well for good."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.model.scenario import Objective
from resilience.model.values import Duration
from resilience.model.verdict import Finding, Reason, Result, Window
from resilience.probes.judge import Observed, judge
from resilience.report import wording
from tests.probes.made import made


def judged(pattern: str, limit: float, over: float = 0.0, until: float | None = None) -> Finding:
    taken = made(pattern, 0.1)
    window = Window(since=0.0, until=len(taken) * 0.1 if until is None else until, over=over)
    observed = Observed(name="shop", interval=0.1, timeout=1.0, samples=taken)
    [found] = judge(observed, Objective(recovery=Duration.of(limit)), window)
    return found


def test_it_counts_from_the_end_of_the_last_action_to_the_end_of_the_last_failure() -> None:
    found = judged("++--+-" + "+" * 20, limit=0.5, over=0.1)
    assert found.result is Result.PASSED
    assert found.value == pytest.approx(0.5)
    assert wording.measured(found) == "500ms after the last action had ended"
    assert wording.promised(found) == "at most 500ms"
    assert judged("++--+-" + "+" * 20, limit=0.4, over=0.1).result is Result.FAILED


def test_a_service_that_fails_again_has_not_recovered() -> None:
    assert judged("--" + "+" * 30 + "-" + "+" * 12, limit=2).result is Result.FAILED


def test_what_failed_before_the_action_had_ended_does_not_count() -> None:
    found = judged("---" + "+" * 20, limit=0, over=0.5)
    assert (found.result, found.value) == (Result.PASSED, 0.0)
    assert "immediately" in wording.measured(found)


def test_fewer_than_ten_good_answers_after_the_last_failure_prove_nothing() -> None:
    found = judged("-" * 5 + "+" * 9, limit=5)
    assert (found.result, found.reason) == (Result.NOT_MEASURED, Reason.STILL_OUT)
    assert wording.measured(found) == "fewer than 10 good answers after the last failure"
    assert judged("-" * 5 + "+" * 10, limit=5).result is Result.PASSED
    assert judged("-" * 5 + "+" * 9, limit=0.4).result is Result.FAILED, "whatever comes after"


def test_a_gap_may_hide_a_failure() -> None:
    pattern = "-" + "+" * 20 + "u" * 5 + "+" * 20
    assert judged(pattern, limit=1).result is Result.NOT_MEASURED
    assert judged(pattern, limit=3).result is Result.PASSED
    assert judged("-" * 3 + "+" * 20, limit=1, until=5.0).result is Result.NOT_MEASURED


@given(st.text("+-u", min_size=15, max_size=60), st.integers(0, 14), st.integers(0, 40))
def test_a_worse_answer_never_improves_it(pattern: str, at: int, limit: int) -> None:
    worse = pattern[:at] + "-" + pattern[at + 1 :]
    order = [Result.FAILED, Result.NOT_MEASURED, Result.PASSED]
    before, after = (order.index(judged(p, limit / 10).result) for p in (pattern, worse))
    assert after <= before


@given(st.text("+-u", min_size=15, max_size=40), st.integers(0, 30))
def test_what_is_passed_or_failed_is_so_whatever_the_unknown_was(pattern: str, limit: int) -> None:
    found = judged(pattern, limit / 10)
    for replaced in ("+", "-"):
        full = judged(pattern.replace("u", replaced), limit / 10)
        if full.result is not Result.NOT_MEASURED and found.result is not Result.NOT_MEASURED:
            assert full.result is found.result
