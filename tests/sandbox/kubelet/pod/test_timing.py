"""Back-off and probe thresholds: arithmetic, and probing in a loop with a clock of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from resilience.sandbox.kubelet.base import backoff
from resilience.sandbox.kubelet.probes import prober
from resilience.sandbox.kubelet.probes.probe import Result, port_of
from tests.sandbox.kubelet.fastloop import FastLoop


def test_back_off_starts_at_once_then_ten_seconds_doubling_to_five_minutes() -> None:
    delays = backoff.BackOff()
    assert [delays.next(1) for _ in range(8)] == [0, 10, 20, 40, 80, 160, 300, 300]


def test_back_off_is_forgotten_after_ten_minutes_of_running() -> None:
    delays = backoff.BackOff()
    for _ in range(4):
        delays.next(1)
    assert delays.next(599) == 80
    assert [delays.next(600), delays.next(1)] == [0, 10]


@pytest.mark.parametrize(("seconds", "text"), [(10, "10s"), (80, "1m20s"), (300, "5m0s")])
def test_delays_are_written_as_the_kubelet_writes_them(seconds: float, text: str) -> None:
    assert backoff.text(seconds) == text


def test_a_verdict_needs_its_threshold_of_equal_results_in_a_row() -> None:
    streak = prober.Streak(failure_threshold=3, success_threshold=2)
    results = [False, False, True, False, False, False, True, True]
    assert [streak.add(ok) for ok in results] == [
        None, None, None, None, None, False, None, True,
    ]  # fmt: skip


def test_defaults_are_those_of_the_api() -> None:
    timing = prober.Timing.of({})
    assert (timing.initial_delay, timing.period, timing.timeout) == (0, 10, 1)
    assert (timing.failure_threshold, timing.success_threshold) == (3, 1)


def test_a_port_is_found_by_its_name() -> None:
    container = {"name": "web", "ports": [{"name": "http", "containerPort": 8080}]}
    assert port_of("http", container) == 8080
    assert port_of("81", container) == 81
    with pytest.raises(LookupError, match="couldn't find port"):
        port_of("grpc", container)


def probe_for(
    seconds: float, timing: prober.Timing, answers: Callable[[float], Result], monkeypatch: Any
) -> list[tuple[float, str, Any]]:
    """What a prober does in that time: (when, "tried" | "failed" | "verdict", what)."""
    loop = FastLoop()
    monkeypatch.setattr("time.monotonic", loop.time)
    seen: list[tuple[float, str, Any]] = []

    async def attempt(timeout: float) -> Result:
        seen.append((round(loop.time(), 3), "tried", None))
        return answers(loop.time())

    def on_verdict(ok: bool, message: str) -> None:
        seen.append((round(loop.time(), 3), "verdict", ok))

    def on_failure(message: str) -> None:
        seen.append((round(loop.time(), 3), "failed", message))

    async def main() -> None:
        body: Coroutine[Any, Any, None] = prober.run(
            timing, attempt, on_verdict=on_verdict, on_failure=on_failure
        )
        task = asyncio.ensure_future(body)
        await asyncio.sleep(seconds)
        task.cancel()

    try:
        loop.run_until_complete(main())
    finally:
        loop.close()
    return seen


def timing(**numbers: float) -> prober.Timing:
    return prober.Timing.of({f"{name}Seconds": value for name, value in numbers.items()})


def test_the_first_try_is_at_once_and_then_one_each_period(monkeypatch: Any) -> None:
    seen = probe_for(25, timing(period=10), lambda now: Result(True), monkeypatch)
    assert [when for when, what, _ in seen if what == "tried"] == [0, 10, 20]
    assert seen[1] == (0, "verdict", True)


def test_the_initial_delay_is_waited_for(monkeypatch: Any) -> None:
    seen = probe_for(16, timing(period=10, initialDelay=5), lambda now: Result(True), monkeypatch)
    assert [when for when, what, _ in seen if what == "tried"] == [5, 15]


def test_a_port_nobody_listens_on_yet_is_tried_again_quickly_and_not_counted(
    monkeypatch: Any,
) -> None:
    def answers(now: float) -> Result:
        return Result(True) if now >= 0.06 else Result(False, "refused", refused=True)

    seen = probe_for(1, timing(period=10), answers, monkeypatch)
    assert [when for when, what, _ in seen if what == "tried"] == [0, 0.01, 0.03, 0.07]
    assert seen[-1] == (0.07, "verdict", True)
    assert not [what for _, what, _ in seen if what == "failed"]


def test_a_port_that_stays_closed_counts_as_failed_after_one_period(monkeypatch: Any) -> None:
    refused = Result(False, "refused", refused=True)
    seen = probe_for(31, timing(period=10), lambda now: refused, monkeypatch)
    failed = [when for when, what, _ in seen if what == "failed"]
    assert failed[0] == pytest.approx(10, abs=0.3)
    assert [ok for _, what, ok in seen if what == "verdict"] == [False]


def test_a_bad_answer_counts_at_once(monkeypatch: Any) -> None:
    seen = probe_for(25, timing(period=10), lambda now: Result(False, "500"), monkeypatch)
    assert [when for when, what, _ in seen if what == "failed"] == [0, 10, 20]
    assert seen[-1] == (20, "verdict", False)
