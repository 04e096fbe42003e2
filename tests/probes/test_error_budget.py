"""`error_budget`: how much of a period's budget a scenario burnt, by bounds as the others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.model.error_budget import ErrorBudget
from resilience.model.scenario import Objective
from resilience.model.verdict import Finding, Kind, Reason, Result, Window
from resilience.probes.judge import Observed, judge
from resilience.report import wording
from tests.probes.made import made

BUDGET = "10% of 100s"


def judged(pattern: str, budget: str = BUDGET, until: float | None = None) -> Finding:
    taken = made(pattern, 0.1)
    window = Window(since=0.0, until=len(taken) * 0.1 if until is None else until)
    observed = Observed(name="shop", interval=0.1, timeout=1.0, samples=taken)
    [found] = judge(observed, Objective(error_budget=ErrorBudget.parse(budget)), window)
    return found


def test_each_failed_moment_uses_one_interval() -> None:
    found = judged("+++" + "-" * 25 + "+" * 30)
    assert (found.result, found.kind) == (Result.PASSED, Kind.BUDGET)
    assert found.value == pytest.approx(0.25)
    assert wording.measured(found) == "25% used: 2.5s failed of the allowed 10s"
    assert wording.promised(found) == "at most 10% of 100s"
    assert wording.brief(found) == "error budget 25%"


def test_more_than_its_part_is_a_failure() -> None:
    part = "20% of 10% of 100s"
    assert judged("-" * 20 + "+" * 30, part).result is Result.PASSED
    found = judged("-" * 21 + "+" * 30, part)
    assert found.result is Result.FAILED
    assert wording.decisive(found) == ("shop.error_budget 21%, expected at most 20% of 10% of 100s")


def test_what_was_not_seen_may_have_failed() -> None:
    found = judged("+" * 20 + "u" * 5 + "-" * 18 + "+" * 20, "20% of 10% of 100s")
    assert found.result is Result.NOT_MEASURED
    assert found.low == pytest.approx(0.18)
    assert found.high == pytest.approx(0.23)
    assert "between 18% and 23% used" in wording.measured(found)
    assert judged("+" * 20 + "u" * 5 + "-" * 15 + "+" * 20, "20% of 10% of 100s").value == (
        pytest.approx(0.2)
    )


def test_an_outage_that_goes_on_has_burnt_an_unknown_amount() -> None:
    found = judged("+" * 20 + "-" * 5)
    assert (found.result, found.reason) == (Result.NOT_MEASURED, Reason.STILL_OUT)


def test_a_small_part_is_never_shown_as_nothing() -> None:
    found = judged("-" + "+" * 30, "0.1% of 30d")
    assert wording.brief(found) == "error budget 0.0039%"
    assert wording.measured(judged("+" * 30)).startswith("0% used: nothing failed")


def test_nothing_planned_is_nothing_measured() -> None:
    assert judged("", until=3.0).result is Result.NOT_MEASURED


@given(st.text("+-u", min_size=15, max_size=60), st.integers(0, 14), st.integers(1, 100))
def test_a_worse_answer_never_improves_it(pattern: str, at: int, part: int) -> None:
    worse = pattern[:at] + "-" + pattern[at + 1 :]
    order = [Result.FAILED, Result.NOT_MEASURED, Result.PASSED]
    budget = f"{part}% of {BUDGET}"
    before, after = (order.index(judged(p, budget).result) for p in (pattern, worse))
    assert after <= before


@given(st.text("+-u", min_size=15, max_size=40), st.integers(1, 100))
def test_what_is_passed_or_failed_is_so_whatever_the_unknown_was(pattern: str, part: int) -> None:
    budget = f"{part}% of {BUDGET}"
    found = judged(pattern, budget)
    for replaced in ("+", "-"):
        full = judged(pattern.replace("u", replaced), budget)
        if full.result is not Result.NOT_MEASURED and found.result is not Result.NOT_MEASURED:
            assert full.result is found.result
