"""What waiting for a CPU excuses, against every way in which each request may have ended.

A request whose Pod waited may have ended as it did, or as the best case says, or in between. An
objective that is missed in all of these cases has failed; one that is missed in some only was not
measured; and nothing passes that did not pass before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilience.model.cpu_waits import UNKNOWN, CpuWaits, Waited
from resilience.model.error_budget import ErrorBudget
from resilience.model.samples import Answer, Sample
from resilience.model.scenario import Objective
from resilience.model.values import Availability, Duration, Share
from resilience.model.verdict import Finding, Kind, Reason, Result, Window
from resilience.probes.judge import Observed, judge
from resilience.probes.waiting import at_best, judge_fairly
from resilience.report import wording
from tests.probes.made import at, made

PASSED, FAILED, NOT = Result.PASSED, Result.FAILED, Result.NOT_MEASURED
INTERVAL = 0.1
TIMEOUT = 1.0


def busy(length: float, waited: float = 9.0, others: float = 9.0) -> CpuWaits:
    """Spans of a quarter of a second, each with these counts."""
    count = round(length * 4) + 8
    return CpuWaits(
        tuple(
            Waited(since=i / 4, until=(i + 1) / 4, waited=waited, others=others)
            for i in range(count)
        )
    )


def found(
    samples: Sequence[Sample], promised: Objective, waits: CpuWaits, *, interval: float = INTERVAL
) -> Finding:
    window = Window(since=0.0, until=len(samples) * interval, waits=waits)
    observed = Observed(name="web", interval=interval, timeout=TIMEOUT, samples=samples)
    (finding,) = judge_fairly(observed, promised, window)
    return finding


def available(share: str) -> Objective:
    return Objective(availability=Availability.parse(share))


def timed_out(count: int, good: int = 400) -> list[Sample]:
    signs = "+" * good + "t" * count + "+" * good
    return [
        replace(each, ended=each.intended + TIMEOUT) if each.answer is Answer.TIMEOUT else each
        for each in made(signs, INTERVAL)
    ]


def test_requests_that_timed_out_while_the_pods_waited_are_not_held_against_the_service() -> None:
    samples = timed_out(50)
    finding = found(samples, available("99%"), busy(90))
    assert (finding.result, finding.reason) == (NOT, Reason.WAITED)
    assert (finding.low, finding.high) == (800 / 850, 1.0)
    assert found(samples, available("99%"), UNKNOWN).result is FAILED


def test_a_service_that_hangs_by_itself_has_failed_beside_busy_programs_too() -> None:
    """The Pods waited for a third of the time, which does not explain a whole second."""
    assert found(timed_out(50), available("99%"), busy(90, waited=0.08)).result is FAILED


def test_a_service_that_uses_up_the_cpus_itself_is_not_excused() -> None:
    assert found(timed_out(50), available("99%"), busy(90, others=0.0)).result is FAILED


def test_slow_answers_are_faster_at_best_by_the_time_waited() -> None:
    samples = made("+" * 400, INTERVAL, took=0.3)
    promised = Objective(latency={95.0: Duration.parse("200ms")})
    late = found(samples, promised, busy(40, waited=0.2))
    assert (late.result, late.reason) == (NOT, Reason.WAITED)
    assert late.low is not None
    assert late.low < 0.2 < (late.high or 0.0)
    slow = found(samples, promised, busy(40, waited=0.02))
    assert slow.result is FAILED
    assert slow.value == pytest.approx(0.3)


@pytest.mark.parametrize("sign", ["-", "s"])
def test_a_refusal_and_a_wrong_answer_count_however_long_the_pods_waited(sign: str) -> None:
    samples = made("+" * 300 + sign * 50 + "+" * 300, INTERVAL)
    assert found(samples, available("99%"), busy(70)).result is FAILED


def test_a_service_that_never_answers_well_is_not_excused() -> None:
    samples = [replace(each, ended=each.intended + TIMEOUT) for each in made("t" * 400, INTERVAL)]
    assert found(samples, available("99%"), busy(40)).result is FAILED


def test_the_baseline_is_not_made_faster() -> None:
    samples = [*made("+" * 200, INTERVAL, took=0.05)]
    samples += [replace(at(each.intended + 20, "+", took=0.3), seq=each.seq + 200)
                for each in made("+" * 200, INTERVAL)]  # fmt: skip
    window = Window(since=20.0, until=40.0, calm=(0.0, 20.0), waits=busy(40))
    observed = Observed(name="web", interval=INTERVAL, timeout=TIMEOUT, samples=samples)
    (finding,) = judge_fairly(
        observed, Objective(no_worse_than_baseline=Share.parse("20%")), window
    )
    assert (finding.result, finding.reason) == (NOT, Reason.WAITED)
    best = at_best(samples, busy(40), 20.0)
    assert best[:200] == samples[:200]
    assert all(each.latency == pytest.approx(0.0) for each in best[200:])


def test_the_reason_names_the_time_waited_and_what_would_help() -> None:
    finding = found(timed_out(50), available("99%"), busy(90, waited=9.0, others=0.24975))
    assert wording.measured(finding) == "between 94.117% and 100%"
    assert wording.detail(finding) == (
        "in this window of 85s the Pods waited up to 84.92s for a CPU that other programs used: "
        "what they would have answered without that is unknown",
        "the host that runs pytest is overloaded; end other programs there, or use a host with "
        "more CPU",
    )


PROMISES = (
    available("99%"),
    available("70%"),
    Objective(longest_outage=Duration.parse("250ms")),
    Objective(recovery=Duration.parse("300ms")),
    Objective(error_budget=ErrorBudget.parse("1% of 0.1% of 1d")),
    Objective(latency={50.0: Duration.parse("150ms")}),
)


@st.composite
def runs(draw: st.DrawFn) -> list[Sample]:
    """Up to seven requests whose ends are uncertain, among good ones that are enough for a
    verdict."""
    signs = draw(st.text("+-stS", min_size=1, max_size=7))
    before = draw(st.integers(0, 3))
    text = "+" * (before + 5) + signs + "+" * 20
    samples = made(text.replace("S", "+"), INTERVAL)
    return [_drawn(each, sign) for each, sign in zip(samples, text, strict=True)]


def _drawn(sample: Sample, sign: str) -> Sample:
    if sign == "t":
        return replace(sample, answer=Answer.TIMEOUT, ended=sample.intended + TIMEOUT)
    if sign == "S":  # a slow answer
        return replace(sample, answer=Answer.GOOD, ended=sample.intended + 0.3)
    return sample


def possible(samples: Sequence[Sample], waits: CpuWaits) -> Iterator[list[Sample]]:
    """Every combination of the request as it was, at best, and half-way."""
    best = at_best(samples, waits, 0.0)
    choices = []
    for plain, ideal in zip(samples, best, strict=True):
        interesting = plain != ideal and plain.latency > 0.01
        half = replace(ideal, ended=(plain.ended + ideal.ended) / 2)
        choices.append([plain, half, ideal] if interesting else [ideal])
    return map(list, product(*choices))


@settings(max_examples=40, deadline=None)
@given(runs(), st.sampled_from([0.0, 0.1, 0.2, 9.0]), st.sampled_from(PROMISES))
def test_the_verdict_holds_for_every_way_in_which_the_requests_may_have_ended(
    samples: list[Sample], waited: float, promised: Objective
) -> None:
    waits = busy(len(samples) * INTERVAL + 2, waited=waited)
    window = Window(since=0.0, until=len(samples) * INTERVAL, waits=waits)
    observed = Observed(name="web", interval=INTERVAL, timeout=TIMEOUT, samples=samples)
    (fair,) = judge_fairly(observed, promised, window)
    (plain,) = judge(observed, promised, window)
    results = {
        judge(replace(observed, samples=guess), promised, window)[0].result
        for guess in possible(samples, waits)
    }
    if plain.result is not FAILED or results == {FAILED}:
        assert fair == plain
    else:
        assert (fair.result, fair.reason) == (NOT, Reason.WAITED)
        assert fair.kind is not Kind.CHECK
