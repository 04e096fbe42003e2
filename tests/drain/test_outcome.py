"""What a drain reports of each Pod, and of the whole."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.drain.outcome import DrainResult, PodDrain, State


def record(state: State = State.BLOCKED, **more: Any) -> PodDrain:
    return PodDrain(namespace="shop", name="a", uid="u", node="n", state=state, **more)


@pytest.mark.parametrize("state", State)
def test_a_node_is_rid_of_what_was_evicted_left_or_is_ignored(state: State) -> None:
    fine = state in (State.EVICTED, State.GONE, State.IGNORED)
    assert state.fine is fine
    whole = DrainResult(pods=[record(State.EVICTED), record(state)], seconds=1.0)
    assert whole.drained is fine
    assert len(whole.evicted) == 1 + (state is State.EVICTED)
    silent = state in (State.EVICTED, State.GONE)
    assert whole.lines() == ([] if silent else [f"shop/a: {state.value}"])


def test_the_result_of_a_drain_sums_the_rejections_of_its_pods() -> None:
    whole = DrainResult(pods=[record(rejected=2), record(rejected=3)], seconds=1.0)
    assert whole.rejected == 5


@pytest.mark.parametrize(
    ("pod", "text"),
    [
        (record(State.EVICTED, asked=5.0, gone=7.5), "shop/a: evicted in 2.5 s"),
        (record(State.EVICTED, asked=5.0), "shop/a: evicted"),
        (record(State.EVICTED, gone=5.0), "shop/a: evicted"),
        (record(State.GONE, asked=5.0, gone=7.5), "shop/a: left by itself"),
        (record(State.FAILED, reason="no right"), "shop/a: failed: no right"),
        (record(State.FAILED), "shop/a: failed"),
    ],
)
def test_a_line_says_how_it_ended(pod: PodDrain, text: str) -> None:
    assert str(pod) == text


@pytest.mark.parametrize(
    ("asked", "now", "said"),
    [
        (None, 100.0, ""),
        (100.0, 130.0, ""),
        (100.0, 131.0, ""),
        (100.0, 129.0, "29 s of its grace period of 30 s have passed; give the step a longer"
         " `within`, or a `grace`"),
    ],
)  # fmt: skip
def test_time_that_is_left_is_said_until_it_has_passed(
    asked: float | None, now: float, said: str
) -> None:
    assert record(asked=asked, grace=30.0).time_left(now) == said
