"""`no_worse_than_baseline`: p95 with bounds, failures as slow for ever, chance kept out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilience.model.samples import Answer, Sample
from resilience.model.scenario import Objective
from resilience.model.values import Share
from resilience.model.verdict import Finding, Kind, Reason, Result, Window
from resilience.probes.against_baseline import DOUBT, SAMPLES_NEEDED, ranks
from resilience.probes.judge import Observed, judge
from resilience.report import wording

INTERVAL = 0.01
FAILED, UNSENT = math.inf, -1.0
"""As times: a request that failed, and one that was never sent."""


def samples(times: Sequence[float], first: int = 0) -> list[Sample]:
    made = []
    for number, took in enumerate(times, first):
        at = number * INTERVAL
        answer = {FAILED: Answer.REFUSED, UNSENT: Answer.UNSENT}.get(took, Answer.GOOD)
        ended = at + (took if answer is Answer.GOOD else 0.001)
        sent = None if answer is Answer.UNSENT else at
        made.append(Sample(seq=number, intended=at, sent=sent, ended=ended, answer=answer))
    return made


def judged(
    before: Sequence[float], after: Sequence[float], allowed: Fraction = Fraction(1, 5)
) -> Finding:
    edge, end = len(before) * INTERVAL, (len(before) + len(after)) * INTERVAL
    edge -= INTERVAL / 2
    observed = Observed(name="shop", interval=INTERVAL, timeout=60.0,
                        samples=[*samples(before), *samples(after, len(before))])  # fmt: skip
    objective = Objective(no_worse_than_baseline=Share(allowed))
    calm = (0.0, edge) if before else None
    [found] = judge(observed, objective, Window(since=edge, until=end, calm=calm))
    return found


def noisy(seed: int, count: int, scale: float = 0.1) -> list[float]:
    random = Random(seed)
    return [scale * random.lognormvariate(0, 0.1) for _ in range(count)]


def test_the_same_service_is_no_worse() -> None:
    found = judged(noisy(1, 800), noisy(2, 800))
    assert (found.result, found.kind) == (Result.PASSED, Kind.BASELINE)
    assert found.name == "shop.no_worse_than_baseline"
    assert wording.promised(found) == "p95 at most 20% above the baseline's"
    assert "baseline 117ms" in wording.measured(found)


def test_one_that_is_slower_by_half_is_worse() -> None:
    found = judged(noisy(1, 800), noisy(2, 800, 0.15))
    assert found.result is Result.FAILED
    assert found.value == pytest.approx(0.5, abs=0.05)
    assert wording.decisive(found).startswith("shop.no_worse_than_baseline +")


def test_a_tenth_that_fails_is_worse_however_fast_the_rest_is() -> None:
    after = [FAILED if number % 10 == 0 else 0.001 for number in range(600)]
    found = judged(noisy(1, 800), after)
    assert (found.result, found.value) == (Result.FAILED, None)
    assert "p95 unlimited (5% failed), baseline" in wording.measured(found)


def test_what_is_near_the_limit_is_too_close_to_tell() -> None:
    found = judged(noisy(1, 300), noisy(2, 300, 0.12))
    assert (found.result, found.reason) == (Result.NOT_MEASURED, Reason.CLOSE)
    assert "too close to tell apart" in "\n".join(wording.detail(found))


@pytest.mark.parametrize(("before", "after"), [(71, 500), (500, 71)])
def test_few_requests_have_no_bound(before: int, after: int) -> None:
    found = judged([0.1] * before, [0.1] * after)
    assert (found.result, found.reason) == (Result.NOT_MEASURED, Reason.TOO_FEW)
    assert judged([0.1] * 72, [0.1] * 72).result is Result.PASSED


def test_without_a_baseline_nothing_is_compared() -> None:
    found = judged([], [0.1] * 500)
    assert (found.result, found.reason) == (Result.NOT_MEASURED, Reason.TOO_FEW)


def test_a_baseline_that_failed_is_none() -> None:
    before = [FAILED if number % 5 == 0 else 0.1 for number in range(500)]
    found = judged(before, [FAILED] * 500)
    assert (found.result, found.reason) == (Result.NOT_MEASURED, Reason.NO_BASELINE)


def test_an_increase_of_a_few_milliseconds_passes() -> None:
    assert judged([0.001] * 300, [0.005] * 300).result is Result.PASSED
    assert judged([0.001] * 300, [0.007] * 300).result is Result.FAILED


def test_what_was_not_sent_may_have_been_slow_or_fast() -> None:
    unseen = [UNSENT if number % 10 == 0 else 0.1 for number in range(500)]
    found = judged([0.1] * 500, unseen)
    assert (found.result, found.reason) == (Result.NOT_MEASURED, Reason.UNSENT)
    slower = judged(unseen, [0.13] * 500)  # were the unseen ones as slow, it would be no worse
    assert (slower.result, slower.reason) == (Result.NOT_MEASURED, Reason.UNSENT)
    assert judged([0.1] * 500, [FAILED] * 450 + [UNSENT] * 50).result is Result.FAILED


def test_verdicts_are_wrong_by_chance_no_more_often_than_stated() -> None:
    """200 runs each of a service that is exactly at the limit; a verdict of either kind is wrong
    there, each at most in one of twenty."""
    edge = [judged(noisy(seed, 300), noisy(seed + 10_000, 300, 0.12)) for seed in range(200)]
    failed = sum(found.result is Result.FAILED for found in edge)
    passed = sum(found.result is Result.PASSED for found in edge)
    assert failed <= 0.05 * len(edge)
    assert passed <= 0.05 * len(edge)


@settings(max_examples=40)
@given(st.integers(SAMPLES_NEEDED, 2000))
def test_ranks_hold_the_percentile_between_them(count: int) -> None:
    low, high = ranks(count)
    assert 0 < low < high <= count

    def below(rank: int) -> float:
        ways = [
            math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1)
            + k * math.log(0.95) + (count - k) * math.log(0.05)
            for k in range(rank)
        ]  # fmt: skip
        return math.fsum(map(math.exp, ways))

    assert below(low) <= DOUBT + 1e-9
    assert 1 - below(high) <= DOUBT + 1e-9
    assert below(low + 1) > DOUBT - 1e-9  # no wider than they must be
    assert 1 - below(high - 1) > DOUBT - 1e-9


TIMES = st.lists(
    st.sampled_from([0.01, 0.05, 0.1, 0.11, 0.13, 0.3, FAILED, UNSENT]), min_size=72, max_size=90
)


@settings(max_examples=50)
@given(TIMES, TIMES, st.integers(0, 71))
def test_a_failure_in_place_of_an_answer_never_helps(
    before: list[float], after: list[float], at: int
) -> None:
    worse = [*after[:at], FAILED, *after[at + 1 :]]
    if judged(before, after).result is Result.FAILED:
        assert judged(before, worse).result is Result.FAILED
    if judged(before, worse).result is Result.PASSED:
        assert judged(before, after).result is Result.PASSED


@settings(max_examples=50)
@given(TIMES, TIMES, st.integers(0, 71))
def test_a_faster_baseline_never_helps(before: list[float], after: list[float], at: int) -> None:
    faster = [*before[:at], 0.001, *before[at + 1 :]]
    if judged(faster, after).result is Result.PASSED:
        assert judged(before, after).result is not Result.FAILED
    if judged(before, after).result is Result.FAILED:
        assert judged(faster, after).result is Result.FAILED
