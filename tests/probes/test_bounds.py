"""Bounds against brute force: small schedules, with every possible value of everything unknown.

The service is a function from moments to good or bad. A prober asks it at some of them; every
service that agrees with those answers is possible. What passes must hold for all of them, what
fails for none, and what is not measured for some but not all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilience.model.samples import Answer, Sample
from resilience.model.verdict import Window
from resilience.probes import bounds, measures
from resilience.probes.moments import Seen, State, seen

INTERVAL = 1.0
OWN_MOMENT = 0.4
"""A reach that lets a request speak for its own moment alone, so that enumeration is exact."""

Service = tuple[bool, ...]
"""Whether it answers well, moment by moment."""


@st.composite
def stalls(draw: st.DrawFn) -> tuple[Service, list[int | None]]:
    """A service, and for each planned moment the one at which its request really left."""
    length = draw(st.integers(1, 8))
    service = tuple(draw(st.lists(st.booleans(), min_size=length, max_size=length)))
    sent: list[int | None] = []
    free = 0
    for moment in range(length):
        lag = draw(st.sampled_from([0, 0, 0, 1, 2, 4]))
        free = max(free, moment + lag)
        never = draw(st.integers(0, 9)) == 0
        sent.append(None if never or free >= length else free)
    return service, sent


def asked(service: Service, sent: Sequence[int | None]) -> list[Sample]:
    return [
        Sample(seq, float(seq), None, float(seq) + 3, Answer.UNSENT)
        if at is None
        else Sample(seq, float(seq), float(at), float(at),
                    Answer.GOOD if service[at] else Answer.REFUSED)
        for seq, at in enumerate(sent)
    ]  # fmt: skip


def view(samples: Sequence[Sample], length: int) -> Seen:
    window = Window(since=-0.5, until=length - 0.5)
    return seen(samples, INTERVAL, window, within=OWN_MOMENT)


def possible(service: Service, sent: Sequence[int | None]) -> Iterator[Service]:
    """Every service that would have given the same answers."""
    known = {at for at in sent if at is not None}
    for guess in product((False, True), repeat=len(service)):
        if all(guess[at] == service[at] for at in known):
            yield guess


def longest_run(service: Service) -> int:
    best = run = 0
    for good in service:
        run = 0 if good else run + 1
        best = max(best, run)
    return best


@given(stalls())
def test_availability_is_bounded_by_every_possible_service(
    case: tuple[Service, list[int | None]],
) -> None:
    service, sent = case
    found = bounds.failures(view(asked(service, sent), len(service)))
    failed = [guess.count(False) for guess in possible(service, sent)]
    assert found.least == min(failed)
    # A moment at which another request was answered well, while its own was never sent, stays open:
    # the service did not get the load that was planned.
    spared = sum(at is None and seq in sent and service[seq] for seq, at in enumerate(sent))
    assert found.most == max(failed) + spared


@given(stalls(), st.integers(0, 9))
def test_no_possible_service_has_a_longer_solid_outage_than_the_worst_case(
    case: tuple[Service, list[int | None]], limit: int
) -> None:
    """At one request a second an outage is a run of failures: the worst case covers each of
    them."""
    service, sent = case
    found = bounds.outages(view(asked(service, sent), len(service)), Fraction(99, 100))
    runs = [longest_run(guess) for guess in possible(service, sent)]
    if found.high <= limit:
        assert max(runs) <= limit
    if found.low > limit:
        assert min(runs) > limit


@settings(max_examples=60)
@given(st.text("+-ub", min_size=11, max_size=30), st.sampled_from(["90%", "99%", "70%"]))
def test_outages_are_bounded_by_every_assignment_of_the_unknown(text: str, share: str) -> None:
    """Rates at which an outage is a second below the promise. `u` and `b` were never sent; those
    beside a failure may be part of an outage."""
    pattern = text.replace("b", "u")
    interval = 0.1
    samples = [
        Sample(seq, seq * interval, None if sign == "u" else seq * interval, seq * interval,
               {"+": Answer.GOOD, "-": Answer.REFUSED, "u": Answer.UNSENT}[sign])
        for seq, sign in enumerate(pattern)
    ]  # fmt: skip
    window = Window(since=-0.05, until=len(pattern) * interval - 0.05)
    found = seen(samples, interval, window)
    objective = Fraction(int(share[:-1]), 100)
    result = bounds.outages(found, objective)
    open_ = [i for i, moment in enumerate(found.moments) if moment.state is State.BESIDE][:6]
    lengths = []
    for guess in product("+-", repeat=len(open_)):
        signs = ["-" if moment.state is State.BAD else "+" for moment in found.moments]
        for index, sign in zip(open_, guess, strict=True):
            signs[index] = sign
        lengths.append(_longest(signs, interval, objective))
    assert min(lengths) == pytest.approx(result.low)
    assert max(lengths) <= result.high + 1e-9


def _longest(signs: Sequence[str], interval: float, objective: Fraction) -> float:
    made = [
        Sample(i, i * interval, i * interval, i * interval,
               Answer.GOOD if sign == "+" else Answer.REFUSED)
        for i, sign in enumerate(signs)
    ]  # fmt: skip
    return max((o.length for o in measures.outages(made, interval, objective)), default=0.0)


FAST, SLOW = 0.1, 0.9
LIMIT = 0.5


@st.composite
def answers(draw: st.DrawFn) -> list[Sample]:
    """Fast and slow answers, refusals, late ones, unsent ones."""
    kinds = draw(st.lists(st.sampled_from("fsrFSRu"), min_size=1, max_size=6))
    return [_answer(seq, kind) for seq, kind in enumerate(kinds)]


def _answer(seq: int, kind: str) -> Sample:
    """Capitals left late: by more than the limit, so that F reads as slow."""
    at = seq * 10.0
    if kind == "u":
        return Sample(seq, at, None, at + 3, Answer.UNSENT)
    lag = 0.6 if kind.isupper() else 0.0
    answer = Answer.REFUSED if kind.upper() == "R" else Answer.GOOD
    took = SLOW if kind.lower() == "s" else FAST
    return Sample(seq, at, at + lag, at + lag + took, answer)


@given(answers(), st.sampled_from([50.0, 75.0, 90.0, 99.0]))
def test_a_percentile_is_bounded_by_every_possible_latency(
    samples: list[Sample], percent: float
) -> None:
    window = Window(since=-5.0, until=len(samples) * 10.0 - 5)
    found = bounds.latencies(seen(samples, 10.0, window), 0.02, LIMIT, timeout=5.0)
    kept = [
        _keeps([value for value in guess if value is not None], percent)
        for guess in product(*(_latencies(sample) for sample in samples))
    ]
    count = len(found.worst) + found.unknown
    assert all(kept) == (found.slow_worst <= bounds.allowed(count, percent))
    assert any(kept) == (found.slow <= bounds.allowed(count, percent))


def _latencies(sample: Sample) -> tuple[float | None, ...]:
    """What each request may have taken, had it left in time; None: no answer at all."""
    if sample.sent is None:
        return FAST, SLOW, None
    late = sample.lag > 0.02
    if sample.answer is Answer.REFUSED:
        return (FAST, SLOW, None) if late else (None,)
    return (0.0, sample.latency) if late else (sample.latency,)


def _keeps(values: Sequence[float], percent: float) -> bool:
    """Nearest rank, spelt out."""
    if not values:
        return True
    ordered = sorted(values)
    return ordered[measures.rank(len(ordered), percent) - 1] <= LIMIT


def test_a_timeout_may_have_been_slower_than_a_limit_above_it() -> None:
    samples = [Sample(0, 0.0, 0.0, 1.0, Answer.TIMEOUT)]
    view = seen(samples, 10.0, Window(since=-5.0, until=5.0))
    assert bounds.latencies(view, 0.02, 3.0, timeout=1.0).slow_worst == 1
    assert bounds.latencies(view, 0.02, 3.0, timeout=1.0).slow == 0
    assert bounds.latencies(view, 0.02, 0.5, timeout=1.0).slow == 1
