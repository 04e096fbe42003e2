"""Months of a watch in milliseconds: when it runs, what stops it, what it counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import pytest

from resilience.daily.loop import BEAT, Halt, Loop, Plan, Status

START = 1_767_225_600.0
HOUR = 3600.0


@dataclass
class Clock:
    """Waits cost nothing; `at` are called when their moment comes."""

    now: float = START
    at: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def wall(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        assert 0 < seconds <= BEAT
        self.passes(seconds)

    def passes(self, seconds: float) -> None:
        self.now += seconds
        for moment, act in list(self.at):
            if self.now >= moment:
                self.at.remove((moment, act))
                act()


class Remembered:
    """A memory that is not on a disk."""

    def __init__(self) -> None:
        self.text = ""
        self.last: float | None = None

    def why(self) -> str:
        return self.text

    def keep(self, text: str) -> None:
        self.text = text

    def began(self, now: float) -> float | None:
        return self.last

    def begins(self, now: float) -> None:
        self.last = now


@dataclass
class World:
    clock: Clock = field(default_factory=Clock)
    ran: list[tuple[float, str]] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    takes: float = 60.0
    told: list[str] = field(default_factory=list)
    memory: Remembered = field(default_factory=Remembered)
    status: Status = field(default_factory=Status)

    def run(self, file: str) -> int:
        self.ran.append((self.clock.now - START, file))
        self.clock.passes(self.takes)
        return self.codes.pop(0) if self.codes else 0

    def watch(self, hours: float, *halts: Halt, seed: int = 7, **plan: object) -> None:
        keys: dict[str, object] = {"files": ["a"], "every": HOUR, **plan}
        made = Plan(**keys)  # type: ignore[arg-type]
        loop = Loop(made, self.clock, Random(seed), self.run, halts, self.told.append,
                    self.status, self.memory)  # fmt: skip
        self.clock.at.append((self.clock.now + hours * HOUR, loop.end))
        loop.forever()


@pytest.fixture
def here() -> World:
    return World()


def test_it_runs_every_hour_whatever_a_run_takes(here: World) -> None:
    here.watch(5.5)
    assert [moment for moment, _ in here.ran] == pytest.approx([0, 3600, 7200, 10800, 14400, 18000])
    assert here.status.runs == {("a", "passed"): 6}


def test_a_run_that_is_longer_than_the_interval_leaves_moments_out(here: World) -> None:
    here.takes = 1.5 * HOUR
    here.watch(7.2)
    assert [moment for moment, _ in here.ran] == pytest.approx([0, 7200, 14400, 21600])


def test_jitter_moves_a_run_but_not_the_next_one(here: World) -> None:
    here.watch(99.9, jitter=1800.0)
    late = [moment - HOUR * number for number, (moment, _) in enumerate(here.ran)]
    assert len(late) == 100
    assert all(0 <= each <= 1800 + BEAT for each in late)
    assert max(late) > 1500
    assert min(late) < 300


def test_files_take_turns_one_at_a_time(here: World) -> None:
    here.watch(4.5, files=["a", "b", "c"])
    assert [file for _, file in here.ran] == ["a", "b", "c", "a", "b"]


@pytest.mark.parametrize("code", [1, 20])
def test_a_failed_verdict_stops_it_until_someone_has_looked(here: World, code: int) -> None:
    here.codes = [0, code]
    here.watch(5.5)
    assert len(here.ran) == 2
    assert here.status.skipped == {"failed": 4}
    assert here.status.halted.startswith("a ")
    assert "nothing more is broken until then" in here.told[0]
    here.memory.text = ""
    here.watch(2.5)
    assert len(here.ran) == 5
    assert here.status.halted == ""


def test_a_failed_verdict_of_a_process_before_this_one_is_told_once(here: World) -> None:
    here.memory.text = "a failed; to continue: rm watch-failed"
    here.watch(3)
    assert here.ran == []
    text = "a failed; to continue: rm watch-failed; nothing more is broken until then"
    assert here.told == [text]
    assert here.status.skipped["failed"] > 1


def test_a_new_process_says_that_it_is_halted_before_its_first_start_time(here: World) -> None:
    here.memory.text = "a failed"
    here.memory.last = here.clock.now - 60
    here.watch(0.5)
    assert here.status.skipped == {}
    assert here.status.halted == "a failed"
    assert len(here.told) == 1


def test_it_notices_at_once_that_someone_has_looked(here: World) -> None:
    here.memory.text = "a failed"
    here.clock.at.append((here.clock.now + 600, lambda: here.memory.keep("")))
    here.watch(0.5)
    assert here.status.halted == ""
    assert here.told == ["a failed; nothing more is broken until then", "no longer halted"]
    assert here.ran == []


def test_it_goes_on_after_a_failed_verdict_where_that_is_wanted(here: World) -> None:
    here.codes = [1, 1]
    here.watch(2.5, keep_going=True)
    assert here.status.runs == {("a", "failed"): 2, ("a", "passed"): 1}


@pytest.mark.parametrize("code", [21, 23, 24, 25, 5, 6, 22])
def test_what_is_no_verdict_on_the_service_does_not_stop_it(here: World, code: int) -> None:
    here.codes = [code] * 3
    here.watch(3.5)
    assert len(here.ran) == 4


def test_runs_that_do_not_work_are_counted_in_a_row(here: World) -> None:
    here.codes = [22, 22, 0, 22, 2, 3]
    here.watch(1.5)
    assert here.status.troubled == 2
    here.watch(1.0)
    assert here.status.troubled == 0
    here.watch(3.0)
    assert here.status.troubled == 3


def test_a_halt_leaves_a_run_out_and_the_turn_to_the_same_file(here: World) -> None:
    answers = [("", ""), ("pause", "paused by Ada"), ("incident", "CheckoutDown"), ("", "")]
    here.watch(3.5, lambda: answers.pop(0), files=["a", "b"])
    assert [file for _, file in here.ran] == ["a", "b"]
    assert here.status.skipped == {"pause": 1, "incident": 1}
    assert here.told == ["left out: paused by Ada", "left out: CheckoutDown"]


def test_an_end_while_it_waits_ends_it_at_once_and_during_a_run_after_it(here: World) -> None:
    here.watch(0.25)
    assert here.clock.now - START <= 0.25 * HOUR + BEAT
    assert len(here.ran) == 1


def test_it_shows_signs_of_life_while_it_waits(here: World) -> None:
    here.watch(0.5)
    assert here.clock.now - here.status.beat <= BEAT
    assert here.status.next == pytest.approx(START + HOUR)


@pytest.mark.parametrize("code", [137, 139, 134, 99])
def test_a_run_that_died_before_its_undo_is_the_last_one(here: World, code: int) -> None:
    here.codes = [code]
    here.watch(3.5)
    assert here.status.runs == {("a", "died"): 1}
    assert f"a died with exit code {code}" in here.memory.text


def test_runs_that_died_are_runs_that_did_not_work(here: World) -> None:
    here.codes = [137, 137, 137]
    here.watch(2.5, keep_going=True)
    assert here.status.troubled == 3


@pytest.mark.parametrize(
    ("code", "kept"),
    [(20, "a undo incomplete"), (137, "a died with"), (143, ""), (130, ""), (1, ""), (25, "")],
)
def test_what_an_ended_run_leaves_behind_is_remembered(here: World, code: int, kept: str) -> None:
    here.codes = [code]
    here.takes = HOUR
    here.watch(0.5)  # the end comes while it runs
    assert here.memory.text[: len(kept) or None] == kept


def test_a_container_that_crashes_again_and_again_keeps_the_rhythm(here: World) -> None:
    for _ in range(100):  # a start each three minutes
        here.watch(0.05)
    assert [moment for moment, _ in here.ran] == pytest.approx([0, 3600, 7200, 10800, 14400],
                                                               abs=BEAT * 5)  # fmt: skip
