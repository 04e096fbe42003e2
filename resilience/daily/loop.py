"""When the next scenario runs: one at a time, in the order of the files, at a fixed interval.

Moments are anchored to the start, so that a long run does not move the others; those that passed
during a run are skipped. A moment may be late by a random part of `jitter`. Time and chance are
arguments: nothing here sleeps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

UNDO_INCOMPLETE = 20

FAILED = frozenset({1, UNDO_INCOMPLETE})
"""Exit codes of a run after which no further run starts: the service failed, or something could not
be undone."""

TROUBLED = frozenset({2, 3, 4, 5, 6, 22})
"""Exit codes of a run that did not work itself."""

WORDS = {
    0: "passed", 1: "failed", 20: "undo incomplete", 21: "not measured", 22: "harness error",
    23: "refused", 24: "blocked", 25: "interrupted",
}  # fmt: skip

ENDED = frozenset({129, 130, 131, 143})
"""SIGHUP, Ctrl-C, SIGQUIT, SIGTERM: a run answers these with its undo."""


def died(code: int) -> bool:
    """Whether a run was killed (137), and so ended before its undo."""
    return code not in WORDS and code not in TROUBLED and code not in ENDED


def ending(code: int) -> str:
    """How a run ended, for people; 2 to 6 are pytest's own."""
    if died(code):
        return f"died with exit code {code}, perhaps before its undo (resilience recover)"
    return WORDS.get(code, "ended")


class Flag:
    """Set once. A signal handler may set it: an Event's lock could be held by the thread that the
    handler interrupts."""

    def __init__(self) -> None:
        self._up = False

    def set(self) -> None:
        """From now on."""
        self._up = True

    def is_set(self) -> bool:
        """Whether it is."""
        return self._up


class Time(Protocol):
    """What the loop needs of a clock."""

    def wall(self) -> float:
        """Seconds since the epoch."""

    def wait(self, seconds: float) -> None:
        """Block for that long, or until a signal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`every` and `jitter` are seconds. With `keep_going` it continues after a failed verdict."""

    files: Sequence[str]
    every: float
    jitter: float = 0.0
    keep_going: bool = False


@dataclass(slots=True)
class Status:
    """State for /metrics and /healthz; only the loop writes it."""

    runs: Counter[tuple[str, str]] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    last: dict[str, float] = field(default_factory=dict)
    next: float = 0.0
    halted: str = ""
    running: str = ""
    beat: float = 0.0
    troubled: int = 0
    """Consecutive runs that did not work."""


Halt = Callable[[], tuple[str, str]]
"""(short name, text) of a reason against a run now; ("", "") if there is none."""

BEAT = 5.0
"""Seconds between two signs of life while it waits."""


class Memory(Protocol):
    """Why no further run starts, and when the last run began; it outlives the process."""

    def why(self) -> str:
        """ "" while nothing failed, and again once a person has cleared it."""

    def keep(self, text: str) -> None:
        """Remember a failed verdict."""

    def began(self, now: float) -> float | None:
        """When the last run began, in epoch seconds, at most `now`; None before the first one."""

    def begins(self, now: float) -> None:
        """Remember that a run begins."""


class Loop:
    """One per process."""

    def __init__(
        self,
        plan: Plan,
        time: Time,
        random: Random,
        run: Callable[[str], int],
        halts: Sequence[Halt],
        tell: Callable[[str], None],
        status: Status,
        memory: Memory,
    ) -> None:
        self._plan = plan
        self._time = time
        self._random = random
        self._run = run
        self._halts = halts
        self._tell = tell
        self.status = status
        self._memory = memory
        self._ended = Flag()
        self._turn = 0

    def end(self) -> None:
        """Stop after the current run."""
        self._ended.set()

    def forever(self) -> None:
        """Until `end`."""
        start = self._first()
        slot = 0
        while not self._ended.is_set():
            self.status.next = start + slot * self._plan.every + self._late()
            self._wait()
            if self._ended.is_set():
                return
            self._once()
            passed = self._time.wall() - start
            slot = max(slot + 1, int(passed // self._plan.every) + (passed % self._plan.every > 0))

    def _first(self) -> float:
        """Now, or `every` after the last run of a process before this one: a container that crashes
        and restarts must not start a run each time."""
        now = self._time.wall()
        last = self._memory.began(now)
        return now if last is None else max(now, last + self._plan.every)

    def _late(self) -> float:
        return self._random.uniform(0.0, self._plan.jitter)

    def _wait(self) -> None:
        while not self._ended.is_set():
            self.status.beat = self._time.wall()
            self._remember()
            left = self.status.next - self._time.wall()
            if left <= 0:
                return
            self._time.wait(min(left, BEAT))

    def _once(self) -> None:
        """Start one run, if there is no reason against it."""
        status = self.status
        why = self._halted()
        if why:
            return
        file = self._plan.files[self._turn % len(self._plan.files)]
        self._turn += 1
        status.running = file
        self._memory.begins(self._time.wall())
        try:
            code = self._run(file)
        finally:
            status.running = ""
            status.beat = self._time.wall()
        self._judge(file, code)

    def _judge(self, file: str, code: int) -> None:
        """A failed verdict stops further runs; so do changes that may not be undone, even after a
        restart."""
        status = self.status
        status.runs[file, WORDS.get(code, "died" if died(code) else "ended")] += 1
        status.last[file] = self._time.wall()
        status.troubled = status.troubled + 1 if code in TROUBLED or died(code) else 0
        left = code == UNDO_INCOMPLETE or died(code)
        failed = code in FAILED and not self._ended.is_set()
        if (left or failed) and not self._plan.keep_going:
            self._memory.keep(f"{file} {ending(code)}")
            self._remember()

    def _remember(self) -> None:
        """Whether a failed run halted this watch. Asked at each beat: the run may be of a process
        before this one, and the person who checks does not wait for the next start time."""
        why = "" if self._plan.keep_going else self._memory.why()
        if why != self.status.halted:
            self._tell(f"{why}; nothing more is broken until then" if why else "no longer halted")
        self.status.halted = why

    def _halted(self) -> bool:
        self._remember()
        if self.status.halted:
            self.status.skipped["failed"] += 1
            return True
        for halt in self._halts:
            name, text = halt()
            if text:
                self.status.skipped[name] += 1
                self._tell(f"left out: {text}")
                return True
        return False
