"""At most how much of a request was lost by waiting for a CPU."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.model.cpu_waits import UNKNOWN, CpuWaits, Waited


def waits(*spans: tuple[float, float], length: float = 1.0) -> CpuWaits:
    """Spans from 0 on; each is (waited, others)."""
    return CpuWaits(
        tuple(
            Waited(since=at * length, until=(at + 1) * length, waited=waited, others=others)
            for at, (waited, others) in enumerate(spans)
        )
    )


@pytest.mark.parametrize(
    ("span", "since", "until", "allowed"),
    [
        ((0.3, 2.0), 0.0, 1.0, 0.3),  # no longer than the threads waited
        ((2.0, 0.2), 0.0, 1.0, 0.2),  # no longer than others used the CPUs
        ((5.0, 5.0), 0.0, 1.0, 1.0),  # no longer than the span
        ((5.0, 5.0), 0.7, 9.0, 0.3),  # no longer than the request was under way in it
        ((5.0, 5.0), 1.0, 2.0, 0.0),
        ((5.0, 0.0), 0.0, 1.0, 0.0),  # the sandbox used the CPUs itself
    ],
)
def test_the_least_of_the_three_limits_counts(
    span: tuple[float, float], since: float, until: float, allowed: float
) -> None:
    assert waits(span).allowance(since, until) == pytest.approx(allowed)


def test_nothing_is_allowed_where_nobody_counts() -> None:
    assert UNKNOWN.allowance(0.0, 100.0) == 0.0
    assert not UNKNOWN
    assert waits((0.0, 0.0))


SECONDS = st.floats(0, 3).map(lambda value: round(value, 3))


@given(
    st.lists(st.tuples(SECONDS, SECONDS), max_size=6), st.floats(-1, 4), st.floats(0, 6),
)  # fmt: skip
def test_the_allowance_is_the_sum_over_all_spans(
    spans: list[tuple[float, float]], since: float, length: float
) -> None:
    found = waits(*spans, length=0.5)
    until = since + length
    whole = sum(span.allowance(since, until) for span in found.spans)
    assert found.allowance(since, until) == pytest.approx(whole)
    assert 0.0 <= whole <= length + 1e-9
