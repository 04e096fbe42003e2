"""Promises at the edge: what passes, what fails, and what was never measured."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilience.model.samples import Answer, Sample
from resilience.model.scenario import Objective
from resilience.model.values import Availability, Duration
from resilience.model.verdict import Finding, Kind, Reason, Result, Window
from resilience.probes.judge import Observed, judge
from resilience.report import wording
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
    assert wording.measured(found) == "99%: 3 of 300 failed (3 connection refused)"


def test_one_more_failure_than_promised_fails() -> None:
    assert judged("-" * 4 + "+" * 296, objective("99%")).result is FAILED


def test_one_sample_too_few_is_not_measured() -> None:
    found = judged("+" * 299, objective("99%"))
    assert (found.result, found.value) == (NOT_MEASURED, None)
    assert wording.measured(found) == (
        "299 requests in 2.99s are too few, 99% needs 300: raise `rate` to 101/s, or measure for"
        " 3s (a longer `settle`, or `sleep` under `when`)"
    )
    assert wording.detail(found) == ()


def test_too_few_samples_fail_where_no_others_could_save_the_promise() -> None:
    assert judged("-" * 4 + "+" * 50, objective("99%")).result is FAILED
    assert judged("-" * 3 + "+" * 50, objective("99%")).result is NOT_MEASURED


def test_no_failed_request_says_what_it_proves() -> None:
    found = judged("+" * 512, objective("100%"))
    assert found.result is PASSED
    assert wording.measured(found) == "100%: 0 of 512 failed, which proves at least 99.414%"


def test_one_failed_request_breaks_100_percent() -> None:
    found = judged("+" * 100 + "s" + "+" * 399, objective("100%"))
    assert found.result is FAILED
    assert wording.detail(found)[:2] == (
        "wrong status: 1 with status 503",
        "for instance: wrong status: status 503",
    )


def test_a_share_just_below_the_promise_never_reads_like_it() -> None:
    found = judged("-" + "+" * 299_999, objective("100%"), interval=0.001)
    assert wording.measured(found).startswith("99.999%")


def test_no_samples_at_all_are_not_measured() -> None:
    found = judged("", objective("99%"), window=Window(since=0, until=5))
    assert (found.result, wording.measured(found)) == (
        NOT_MEASURED,
        "no request was planned in this window",
    )


def test_a_single_sample_is_not_measured() -> None:
    assert judged("+", objective("99%")).result is NOT_MEASURED


def test_only_what_was_intended_in_the_window_counts() -> None:
    pattern = "-" * 100 + "+" * 400 + "-" * 100
    found = judged(pattern, objective("100%"), window=Window(since=1.0, until=5.0))
    assert (found.result, found.value) == (PASSED, 1.0)


def test_a_window_that_was_not_probed_to_its_end_is_not_measured() -> None:
    found = judged("+" * 400, objective("99%"), window=Window(since=0, until=5.0))
    assert wording.measured(found) == "only 4s of 5s were probed"
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
    assert wording.measured(found) == "the prober was killed by signal 9 at 12:00:00"


def test_a_prober_that_died_hides_no_failure_that_was_seen() -> None:
    found = judged("+" * 300 + "-" * 100, objective("99%"), window=Window(since=0, until=5.0),
                   trouble="the prober was killed")  # fmt: skip
    assert found.result is FAILED
    assert "the result does not depend on it" in wording.detail(found)[-1]


def test_what_was_not_seen_may_have_been_good() -> None:
    """4 of 350 break 99%, but the 150 that were never sent could have made up for them."""
    found = judged("-" * 4 + "+" * 346, objective("99%"), window=Window(since=0, until=5.0))
    assert found.result is NOT_MEASURED


def delayed(count: int, lag: float, sign: str = "+") -> list[Sample]:
    """The first `count` of 500 left late by the same time: still one after the other."""
    return [
        at(i * INTERVAL, sign if i < count else "+", lag=lag if i < count else 0.0, seq=i)
        for i in range(500)
    ]


def stalled(*stalls: tuple[float, float], pattern: str = "+" * 500) -> list[Sample]:
    """The prober did nothing in these spans, and sent all that was due at the end of each."""
    return [
        at(seq * INTERVAL, sign, lag=_lag(seq * INTERVAL, stalls), seq=seq)
        for seq, sign in enumerate(pattern)
    ]


def _lag(moment: float, stalls: tuple[tuple[float, float], ...]) -> float:
    return max((until - moment for since, until in stalls if since <= moment < until), default=0.0)


def test_a_delay_that_stays_the_same_hides_nothing() -> None:
    window = Window(since=0.2, until=5.0)
    found = judged(delayed(450, 0.1), objective("100%"), window=window)
    assert (found.result, found.value) == (PASSED, 1.0)
    assert judged(delayed(450, 0.1, "-"), objective("99%")).result is FAILED


def test_a_stall_leaves_a_doubt_as_wide_as_what_was_not_seen() -> None:
    found = judged(stalled((1.0, 1.1)), objective("99%"))
    assert (found.result, found.reason, found.value) == (NOT_MEASURED, Reason.LATE, None)
    assert (found.low, found.high) == (0.988, 1.0)
    assert wording.measured(found) == "between 98.8% and 100%"
    assert wording.detail(found)[0] == (
        "of 500 requests, 8 left late, by up to 100ms: what the service would have answered at 6 "
        "of these moments is unknown"
    )
    assert "the host that runs pytest is overloaded" in wording.detail(found)[1]
    assert found.evidence is not None
    apart = replace(found, evidence=replace(found.evidence, where="node n-2"))
    assert wording.detail(apart)[1] == (
        "node n-2 is overloaded; use fewer probes, a lower `rate` or a node with more CPU"
    )


def test_a_stall_is_no_doubt_where_the_worst_case_keeps_the_promise() -> None:
    found = judged(stalled((1.0, 1.1)), objective("98%"))
    assert (found.result, found.value) == (PASSED, 0.988)
    assert judged(stalled((1.0, 1.07)), objective("99%")).result is PASSED


def test_a_stall_hides_no_failure_that_breaks_the_promise_in_the_best_case() -> None:
    pattern = "+" * 400 + "-" * 10 + "+" * 90
    found = judged(stalled((1.0, 1.5), pattern=pattern), objective("99%"))
    assert found.result is FAILED
    assert found.value == 0.98


def test_what_was_sent_at_once_after_a_stall_and_failed_counts_once() -> None:
    """48 requests that left in one moment of trouble say little about the half second before."""
    pattern = "+" * 100 + "-" * 48 + "+" * 352
    found = judged(stalled((1.0, 1.5), pattern=pattern), objective("99%"))
    assert (found.result, found.reason) == (NOT_MEASURED, Reason.LATE)
    assert found.high == pytest.approx(0.998, abs=0.005)


def test_a_failed_request_has_failed_however_late_it_left() -> None:
    pattern = "+" * 120 + "-" + "+" * 379
    assert judged(stalled((1.0, 1.5), pattern=pattern), objective("100%")).result is FAILED


def test_an_outage_in_which_every_request_was_answered_well_is_none() -> None:
    """Stalls of 90 ms, one each quarter of a second: 99% of no second was seen, and nothing
    failed."""
    stalls = tuple((i / 4, i / 4 + 0.09) for i in range(1, 20))
    found = judged(stalled(*stalls), objective("", "500ms"))
    assert (found.result, found.value) == (PASSED, 0.0)
    assert wording.measured(found) == "between none and 50ms (resolution 100ms)"
    assert judged(stalled(*stalls), objective("99%")).result is NOT_MEASURED


def test_a_gap_between_good_answers_longer_than_the_limit_is_not_measured() -> None:
    found = judged(stalled((1.0, 1.6)), objective("", "500ms"))
    assert (found.result, found.reason) == (NOT_MEASURED, Reason.LATE)
    assert judged(stalled((1.0, 1.6)), objective("", "700ms")).result is PASSED


def test_a_gap_beside_an_outage_may_belong_to_it() -> None:
    pattern = "+" * 160 + "-" * 30 + "+" * 310
    found = judged(stalled((1.0, 1.6), pattern=pattern), objective("", "500ms"))
    assert (found.result, found.reason) == (NOT_MEASURED, Reason.LATE)
    assert found.low == pytest.approx(0.3)
    assert found.high == pytest.approx(0.88, abs=0.02)
    assert judged(stalled((1.0, 1.6), pattern=pattern), objective("", "200ms")).result is FAILED
    assert judged(stalled((1.0, 1.6), pattern=pattern), objective("", "1s")).result is PASSED


def test_a_stall_breaks_no_promise_of_no_outage_and_keeps_none_either() -> None:
    assert judged(stalled((1.0, 1.6)), objective("", "0s")).reason is Reason.LATE
    assert judged(stalled((1.0, 1.03)), objective("", "0s")).result is PASSED


def test_late_answers_keep_a_percentile_that_they_are_too_few_to_break() -> None:
    """3 % of all requests were late: even as slow answers they leave p95 where it was."""
    found = judged(stalled((1.0, 1.15)), objective(p95="50ms"))
    assert found.result is PASSED
    assert found.value == pytest.approx(0.001)
    assert judged(stalled((1.0, 1.4)), objective(p95="50ms")).reason is Reason.LATE
    assert judged(stalled((1.0, 1.4)), objective(p95="500ms")).result is PASSED


def test_load_that_was_never_sent_is_no_evidence_however_evenly_it_is_missing() -> None:
    """One request in five could not be sent: the service was never asked for what was planned."""
    found = judged("++++u" * 100, objective("99%"))
    assert (found.result, found.reason) == (NOT_MEASURED, Reason.UNSENT)
    assert (found.low, found.high) == (0.8, 1.0)


def test_a_delay_of_the_prober_within_its_reach_is_not_the_services() -> None:
    delayed_a_little = [at(i * INTERVAL, "+", lag=0.015, seq=i) for i in range(500)]
    assert judged(delayed_a_little, objective(p95="10ms")).reason is Reason.LATE
    assert judged(delayed_a_little, objective(p95="20ms")).result is PASSED
    slow = [at(i * INTERVAL, "+", lag=0.015, took=0.012, seq=i) for i in range(500)]
    assert judged(slow, objective(p95="10ms")).result is FAILED


def test_an_outage_may_hide_where_the_prober_did_not_get_to() -> None:
    window = Window(since=0, until=5.0)
    found = judged("+" * 400, objective("", "2s"), window=window, trouble="the prober was killed")
    assert (found.result, found.reason) == (NOT_MEASURED, Reason.ENDED)
    assert judged("+" * 400, objective("", "2s"), window=window).reason is Reason.UNCOVERED


def test_a_share_takes_as_many_requests_that_left_as_it_needs() -> None:
    """3 of 302 may fail, but 299 that left are too few to speak of 99 %."""
    found = judged("u" * 3 + "+" * 299, objective("99%"))
    assert (found.result, found.reason) == (NOT_MEASURED, Reason.UNSENT)
    assert judged("u" * 3 + "+" * 300, objective("99%")).result is PASSED


def test_what_never_left_is_unknown() -> None:
    pattern = "+" * 100 + "u" * 10 + "+" * 390
    found = judged(pattern, objective("99%"))
    assert (found.result, found.reason) == (NOT_MEASURED, Reason.UNSENT)
    assert judged(pattern, objective("98%")).result is PASSED
    skipped = [
        at(s.intended, "u", lag=1.5, seq=s.seq) if s.answer is Answer.UNSENT else s
        for s in made(pattern)
    ]
    assert judged(skipped, objective("99%")).reason is Reason.LATE


def test_an_outage_of_exactly_the_limit_passes_and_one_longer_fails() -> None:
    assert judged("+" * 200 + "-" * 50 + "+" * 200, objective("", "500ms")).result is PASSED
    found = judged("+" * 200 + "-" * 51 + "+" * 200, objective("", "500ms"))
    assert (found.result, wording.measured(found)) == (FAILED, "510ms ± 10ms")
    assert wording.detail(found) == ("510ms, 51 requests lost (51 connection refused)",)


def test_no_outage_keeps_a_promise_of_none() -> None:
    found = judged("+" * 300, objective("", "0s"))
    assert (found.result, found.value) == (PASSED, 0.0)
    assert wording.measured(found) == "none (resolution 10ms)"


def test_any_outage_breaks_a_promise_of_none() -> None:
    assert judged("+" * 200 + "--" + "+" * 200, objective("", "0s")).result is FAILED


def test_an_outage_that_was_not_over_at_the_end_is_not_measured() -> None:
    found = judged("+" * 300 + "-" * 20, objective("", "1s"))
    assert found.result is NOT_MEASURED
    assert "had not ended when measuring ended" in wording.measured(found)


def test_an_outage_that_ended_after_the_window_is_measured() -> None:
    window = Window(since=0, until=3.2)
    assert judged("+" * 300 + "-" * 20 + "+" * 50, objective("", "1s"), window=window).result is (
        PASSED
    )


def test_an_outage_shorter_than_the_interval_cannot_be_promised() -> None:
    found = judged("+" * 50, objective("", "100ms"), interval=0.2)
    assert found.result is NOT_MEASURED
    assert "raise `rate` to 10/s" in wording.detail(found)[0]


def test_a_percentile_right_at_its_limit_passes() -> None:
    samples = made("+" * 1000, took=0.25)
    assert judged(samples, objective(p99="250.001ms")).result is PASSED
    found = judged(samples, objective(p99="249ms"))
    assert (found.result, wording.measured(found)) == (FAILED, "250ms (1,000 answers)")


def test_a_percentile_with_fewer_than_ten_answers_above_is_not_measured() -> None:
    found = judged("+" * 999, objective(p99="1s"))
    assert found.result is NOT_MEASURED
    assert "are too few, p99 needs 1,000" in wording.measured(found)


def test_a_service_that_refuses_everything_has_no_percentile() -> None:
    found = judged("-" * 504, objective(p50="1s"))
    assert (found.result, found.reason) == (NOT_MEASURED, Reason.UNANSWERED)
    assert wording.measured(found) == "0 of 504 requests answered, p50 needs 20 answers"


def test_too_few_answers_fail_a_percentile_that_no_others_could_save() -> None:
    slow = made("+" * 11, took=0.9)
    assert judged(slow, objective(p99="300ms")).result is FAILED
    assert judged(slow[:10], objective(p99="300ms")).result is NOT_MEASURED


def test_a_promise_beyond_the_timeout_is_not_measured_by_requests_given_up() -> None:
    found = judged([at(i * INTERVAL, "t", took=1.0) for i in range(1000)], objective(p99="3s"))
    assert found.result is NOT_MEASURED
    assert wording.detail(found) == ("raise `timeout` above 3s",)


@settings(max_examples=25)
@given(
    st.lists(st.sampled_from("++++-tus"), min_size=300, max_size=320),
    st.lists(st.tuples(st.floats(0, 3), st.floats(0, 0.4)), max_size=4),
    st.sampled_from(["90%", "99%", "100%"]),
    st.sampled_from(["0s", "100ms", "1s"]),
    st.sampled_from(["1ms", "100ms", "2s"]),
)
def test_a_number_never_contradicts_its_verdict(
    signs: list[str], stops: list[tuple[float, float]], share: str, outage: str, p50: str
) -> None:
    samples = stalled(*((since, since + length) for since, length in stops), pattern="".join(signs))
    observed = Observed(name="shop", interval=INTERVAL, timeout=1.0, samples=samples)
    window = Window(since=0.0, until=len(samples) * INTERVAL)
    for found in judge(observed, objective(share, outage, p50=p50), window):
        assert found.limit is not None
        if found.low is not None and found.high is not None:
            assert found.low <= found.high
        sign = -1 if found.kind is Kind.AVAILABILITY else 1
        if found.result is PASSED:
            assert found.value is not None
            assert sign * found.value <= sign * found.limit + 1e-9
        if found.result is FAILED and found.value is not None:
            assert sign * found.value > sign * found.limit
        assert (found.reason is not None) == (found.result is NOT_MEASURED)
        assert wording.measured(found)


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
