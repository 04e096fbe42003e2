"""Promises at the edge: what passes, what fails, and what was never measured."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.model.samples import Sample
from resilience.model.scenario import Objective
from resilience.model.values import Availability, Duration
from resilience.model.verdict import Finding, Result, Window
from resilience.probes.judge import Observed, judge
from resilience.report.table import BUSY
from tests.probes.made import at, made

PASSED, FAILED, NOT_MEASURED = Result.PASSED, Result.FAILED, Result.NOT_MEASURED
INTERVAL = 0.01


def objective(availability: str = "", longest_outage: str = "", **latency: str) -> Objective:
    return Objective(
        availability=Availability.parse(availability) if availability else None,
        longest_outage=Duration.parse(longest_outage) if longest_outage else None,
        latency={float(key[1:]): Duration.parse(text) for key, text in latency.items()},
    )


def judged(
    samples: list[Sample] | str,
    promised: Objective,
    *,
    window: Window | None = None,
    interval: float = INTERVAL,
    timeout: float = 1.0,
    trouble: str = "",
) -> Finding:
    taken = made(samples, interval) if isinstance(samples, str) else samples
    observed = Observed(
        name="shop", interval=interval, timeout=timeout, samples=taken, trouble=trouble,
        reasons=["wrong status: status 503"],
    )  # fmt: skip
    span = window or Window(since=0.0, until=len(taken) * interval)
    (finding,) = judge(observed, promised, span)
    return finding


def test_exactly_the_promised_availability_passes() -> None:
    found = judged("-" * 3 + "+" * 297, objective("99%"))
    assert (found.result, found.value) == (PASSED, 0.99)
    assert found.measured == "99%: 3 of 300 failed (3 connection refused)"


def test_one_more_failure_than_promised_fails() -> None:
    assert judged("-" * 4 + "+" * 296, objective("99%")).result is FAILED


def test_one_sample_too_few_is_not_measured() -> None:
    found = judged("+" * 299, objective("99%"))
    assert (found.result, found.value) == (NOT_MEASURED, None)
    assert found.measured == ("not measured: 299 requests in 2.99s are too few, 99% needs 300")
    assert found.detail[0].startswith("raise `rate` to 101/s, or measure for 3s")


def test_too_few_samples_fail_where_no_others_could_save_the_promise() -> None:
    assert judged("-" * 4 + "+" * 50, objective("99%")).result is FAILED
    assert judged("-" * 3 + "+" * 50, objective("99%")).result is NOT_MEASURED


def test_no_failed_request_says_what_it_proves() -> None:
    found = judged("+" * 512, objective("100%"))
    assert found.result is PASSED
    assert found.measured == "100%: 0 of 512 failed, which proves at least 99.414%"


def test_one_failed_request_breaks_100_percent() -> None:
    found = judged("+" * 100 + "s" + "+" * 399, objective("100%"))
    assert found.result is FAILED
    assert found.detail[:2] == (
        "wrong status: 1 with status 503",
        "for instance: wrong status: status 503",
    )


def test_a_share_just_below_the_promise_never_reads_like_it() -> None:
    found = judged("-" + "+" * 299_999, objective("100%"), interval=0.001)
    assert found.measured.startswith("99.999%")


def test_no_samples_at_all_are_not_measured() -> None:
    found = judged("", objective("99%"), window=Window(since=0, until=5))
    assert (found.result, found.measured) == (
        NOT_MEASURED,
        "not measured: no request was planned in that time",
    )


def test_a_single_sample_is_not_measured() -> None:
    assert judged("+", objective("99%")).result is NOT_MEASURED


def test_only_what_was_intended_in_the_window_counts() -> None:
    pattern = "-" * 100 + "+" * 400 + "-" * 100
    found = judged(pattern, objective("100%"), window=Window(since=1.0, until=5.0))
    assert (found.result, found.value) == (PASSED, 1.0)


def test_a_window_that_was_not_probed_to_its_end_is_not_measured() -> None:
    found = judged("+" * 400, objective("99%"), window=Window(since=0, until=5.0))
    assert found.measured == "not measured: only 4s of 5s were probed"
    assert found.result is NOT_MEASURED


def test_a_window_that_began_before_the_probe_is_not_measured() -> None:
    found = judged("+" * 400, objective("99%"), window=Window(since=-1.0, until=4.0))
    assert found.result is NOT_MEASURED


def test_one_interval_at_the_edge_is_resolution() -> None:
    assert judged("+" * 400, objective("99%"), window=Window(since=-0.01, until=4.01)).result is (
        PASSED
    )


def test_a_prober_that_died_is_told_by_its_own_words() -> None:
    found = judged("+" * 400, objective("99%"), window=Window(since=0, until=5.0),
                   trouble="the prober was killed by signal 9 at 12:00:00")  # fmt: skip
    assert found.result is NOT_MEASURED
    assert found.measured == "not measured: the prober was killed by signal 9 at 12:00:00"


def test_a_prober_that_died_hides_no_failure_that_was_seen() -> None:
    found = judged("+" * 300 + "-" * 100, objective("99%"), window=Window(since=0, until=5.0),
                   trouble="the prober was killed")  # fmt: skip
    assert found.result is FAILED
    assert "what was seen is enough to fail" in found.detail[-1]


def test_what_was_not_seen_may_have_been_good() -> None:
    """4 of 350 break 99%, but the 150 that were never sent could have made up for them."""
    found = judged("-" * 4 + "+" * 346, objective("99%"), window=Window(since=0, until=5.0))
    assert found.result is NOT_MEASURED


def late(count: int, lag: float, sign: str = "+") -> list[Sample]:
    return [
        at(i * INTERVAL, sign if i < count else "+", lag=lag if i < count else 0.0, seq=i)
        for i in range(500)
    ]


def test_a_blind_prober_never_passes() -> None:
    found = judged(late(50, 0.1), objective("99%"))
    assert found.result is NOT_MEASURED
    assert found.measured.startswith(f"not measured: {BUSY} for 590ms of 5s")


def test_what_a_blind_prober_missed_is_not_held_against_the_service() -> None:
    assert judged(late(50, 0.1, "-"), objective("99%")).result is NOT_MEASURED


def test_a_blind_prober_still_fails_what_it_saw_on_time() -> None:
    samples = [at(s.intended, "-") if i > 400 else s for i, s in enumerate(late(50, 0.1))]
    assert judged(samples, objective("99%")).result is FAILED


def test_an_outage_of_exactly_the_limit_passes_and_one_longer_fails() -> None:
    assert judged("+" * 200 + "-" * 50 + "+" * 200, objective("", "500ms")).result is PASSED
    found = judged("+" * 200 + "-" * 51 + "+" * 200, objective("", "500ms"))
    assert (found.result, found.measured) == (FAILED, "510ms ± 10ms")
    assert found.detail == ("510ms, 51 requests lost (51 connection refused)",)


def test_no_outage_keeps_a_promise_of_none() -> None:
    found = judged("+" * 300, objective("", "0s"))
    assert (found.result, found.measured, found.value) == (PASSED, "none", 0.0)


def test_any_outage_breaks_a_promise_of_none() -> None:
    assert judged("+" * 200 + "--" + "+" * 200, objective("", "0s")).result is FAILED


def test_an_outage_that_was_not_over_at_the_end_is_not_measured() -> None:
    found = judged("+" * 300 + "-" * 20, objective("", "1s"))
    assert found.result is NOT_MEASURED
    assert "was not over when measuring ended" in found.measured


def test_an_outage_that_ended_after_the_window_is_measured() -> None:
    window = Window(since=0, until=3.2)
    assert judged("+" * 300 + "-" * 20 + "+" * 50, objective("", "1s"), window=window).result is (
        PASSED
    )


def test_an_outage_shorter_than_the_interval_cannot_be_promised() -> None:
    found = judged("+" * 50, objective("", "100ms"), interval=0.2)
    assert found.result is NOT_MEASURED
    assert "raise `rate` to 10/s" in found.detail[0]


def test_the_percentile_at_its_limit_passes() -> None:
    samples = made("+" * 1000, took=0.25)
    assert judged(samples, objective(p99="250.001ms")).result is PASSED
    found = judged(samples, objective(p99="249ms"))
    assert (found.result, found.measured) == (FAILED, "250ms (1,000 answers)")


def test_a_percentile_with_fewer_than_ten_answers_above_is_not_measured() -> None:
    found = judged("+" * 999, objective(p99="1s"))
    assert found.result is NOT_MEASURED
    assert "are too few, p99 needs 1,000" in found.measured


def test_too_few_answers_fail_a_percentile_that_no_others_could_save() -> None:
    slow = made("+" * 11, took=0.9)
    assert judged(slow, objective(p99="300ms")).result is FAILED
    assert judged(slow[:10], objective(p99="300ms")).result is NOT_MEASURED


def test_a_promise_beyond_the_timeout_is_not_measured_by_requests_given_up() -> None:
    found = judged([at(i * INTERVAL, "t", took=1.0) for i in range(1000)], objective(p99="3s"))
    assert found.result is NOT_MEASURED
    assert found.detail == ("raise `timeout` above 3s",)


def test_findings_come_in_the_order_of_the_promises() -> None:
    promised = objective("99%", "1s", p99="1s", p50="1s")
    observed = Observed(name="shop", interval=INTERVAL, timeout=1.0, samples=made("+" * 1000))
    found = judge(observed, promised, Window(since=0, until=10))
    names = [each.name for each in found]
    assert names == ["shop.availability", "shop.longest_outage", "shop.p50", "shop.p99"]


@pytest.mark.parametrize("promised", ["90%", "99%", "100%"])
@given(pattern=st.text("+-tus", max_size=600))
def test_availability_passes_only_when_enough_was_measured_and_kept(
    promised: str, pattern: str
) -> None:
    exact = Availability.parse(promised)
    found = judged(pattern, objective(promised), window=Window(since=0, until=6.0))
    good = pattern.count("+")
    kept = bool(pattern) and Fraction(good, len(pattern)) >= exact.exact
    if found.result is PASSED:
        assert kept
        assert len(pattern) >= max(exact.samples_needed, 598)
    if found.result is FAILED:
        assert good < exact.exact * max(len(pattern), exact.samples_needed)
