"""The shared work queue: once per key, bounded slices, back-off."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from resilience.sandbox.host.sandbox_clock import VirtualClock
from resilience.sandbox.kube.api import ApiError
from resilience.sandbox.kube.selector_index import Key
from resilience.sandbox.reconcile.runner import SLICE, Runner

KEY: Key = ("default", "web")


class Recorder:
    """A reconciler that notes its calls and does what it is told."""

    name = "recorder"

    def __init__(self, act: Callable[[], float | None] = lambda: None) -> None:
        self.calls: list[Key] = []
        self.act = act

    def reconcile(self, key: Key) -> float | None:
        self.calls.append(key)
        return self.act()


class Timer:
    """Real time that passes only where a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_key_added_often_runs_once() -> None:
    clock, recorder = VirtualClock(), Recorder()
    runner = Runner(clock, Timer())
    for _ in range(5):
        runner.add(recorder, KEY)
    clock.settle()
    assert recorder.calls == [KEY]


def test_a_key_added_while_it_runs_runs_again() -> None:
    clock = VirtualClock()
    runner = Runner(clock, Timer())
    recorder = Recorder()
    recorder.act = lambda: runner.add(recorder, KEY) if len(recorder.calls) == 1 else None
    runner.add(recorder, KEY)
    clock.settle()
    assert len(recorder.calls) == 2


def test_adding_a_key_runs_nothing_at_once() -> None:
    recorder = Recorder()
    Runner(VirtualClock(), Timer()).add(recorder, KEY)
    assert recorder.calls == []


class CountingClock(VirtualClock):
    """Notes how often the loop was given back."""

    def __init__(self) -> None:
        super().__init__()
        self.scheduled = 0

    def call_later(self, delay: float, callback: Callable[[], None]) -> Callable[[], None]:
        self.scheduled += 1
        return super().call_later(delay, callback)


def test_a_slice_ends_when_its_time_is_used_up() -> None:
    clock, timer = CountingClock(), Timer()
    runner = Runner(clock, timer)

    def spend() -> None:
        timer.now += SLICE * 0.75

    recorder = Recorder(spend)
    for number in range(10):
        runner.add(recorder, ("default", str(number)))
    clock.settle()
    assert len(recorder.calls) == 10
    assert clock.scheduled == 5


def test_a_refused_key_is_retried_with_growing_delay() -> None:
    clock = VirtualClock()
    runner = Runner(clock, Timer())
    moments: list[float] = []

    def refuse() -> None:
        moments.append(clock.monotonic())
        if len(moments) < 5:
            raise ApiError(500, "InternalError", "no")

    runner.add(Recorder(refuse), KEY)
    clock.advance(10)
    gaps = [round(b - a, 3) for a, b in pairwise(moments)]
    assert gaps == [0.01, 0.02, 0.04, 0.08]


def test_retry_after_of_the_api_is_honoured() -> None:
    clock = VirtualClock()
    runner = Runner(clock, Timer())
    moments: list[float] = []

    def refuse() -> None:
        moments.append(clock.monotonic())
        if len(moments) == 1:
            raise ApiError(429, "TooManyRequests", "later", retry_after=7)

    runner.add(Recorder(refuse), KEY)
    clock.advance(20)
    assert moments == [0.0, 7.0]


def test_a_success_resets_the_back_off() -> None:
    clock = VirtualClock()
    runner = Runner(clock, Timer())
    moments: list[float] = []

    def act() -> None:
        moments.append(clock.monotonic())
        if len(moments) in (1, 2, 4):
            raise ApiError(500, "InternalError", "no")

    recorder = Recorder(act)
    runner.add(recorder, KEY)
    clock.advance(1)
    runner.add(recorder, KEY)
    clock.advance(1)
    assert round(moments[4] - moments[3], 3) == 0.01


def test_the_earliest_of_several_wishes_wins() -> None:
    clock, recorder = VirtualClock(), Recorder()
    runner = Runner(clock, Timer())
    runner.add_after(recorder, KEY, 10)
    runner.add_after(recorder, KEY, 3)
    runner.add_after(recorder, KEY, 20)
    clock.advance(3)
    assert len(recorder.calls) == 1
    clock.advance(60)
    assert len(recorder.calls) == 1


def test_a_heavy_key_rests_ten_times_as_long_as_it_took() -> None:
    clock, timer = VirtualClock(), Timer()
    runner = Runner(clock, timer)

    def spend() -> None:
        timer.now += 0.020

    recorder = Recorder(spend)
    runner.add(recorder, KEY)
    clock.settle()
    runner.add(recorder, KEY)
    clock.advance(0.19)
    assert len(recorder.calls) == 1
    clock.advance(0.02)
    assert len(recorder.calls) == 2


def test_zero_means_again_at_the_back_of_the_queue() -> None:
    clock = VirtualClock()
    runner = Runner(clock, Timer())
    order: list[str] = []
    answers = iter([0.0, None])

    class Named(Recorder):
        def reconcile(self, key: Key) -> float | None:
            order.append(key[1])
            return next(answers) if key[1] == "long" else None

    named = Named()
    runner.add(named, ("", "long"))
    runner.add(named, ("", "short"))
    clock.settle()
    assert order == ["long", "short", "long"]


def test_a_programming_error_does_not_silence_the_other_keys() -> None:
    clock = VirtualClock()
    runner = Runner(clock, Timer())
    good = Recorder()

    def fail() -> None:
        raise KeyError("bug")

    runner.add(Recorder(fail), KEY)
    runner.add(good, KEY)
    with pytest.raises(KeyError):
        clock.settle()
    clock.settle()
    assert good.calls == [KEY]


def test_a_stopped_runner_runs_nothing_more() -> None:
    clock, recorder = VirtualClock(), Recorder()
    runner = Runner(clock, Timer())
    runner.add(recorder, KEY)
    runner.add_after(recorder, ("", "later"), 1)
    runner.stop()
    clock.advance(5)
    runner.add(recorder, KEY)
    clock.advance(5)
    assert recorder.calls == []
