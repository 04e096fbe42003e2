"""When the next scenario runs: one at a time, in the order of the files, every so often.

Moments are anchored to the start, so that a long run does not move the others; those that a run
overran are left out. A moment may be late by a random part of `jitter`. Time and chance are
arguments: nothing here sleeps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

FAILED = frozenset({1, 20})
"""Exit codes of a run after which nothing more is broken: the service failed, or something could
not be undone."""

TROUBLED = frozenset({2, 3, 4, 5, 22})
"""The run itself did not work."""

WORDS = {
    0: "passed", 1: "failed", 20: "undo incomplete", 21: "not measured", 22: "harness error",
    23: "refused", 24: "blocked", 25: "interrupted",
}  # fmt: skip


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
    """`every` and `jitter` are seconds. `keep_going`: also after a failed verdict."""

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
    """Runs in a row that did not work."""


Halt = Callable[[], tuple[str, str]]
"""(short name, text) of what speaks against a run now; ("", "") when nothing does."""

BEAT = 5.0
"""Seconds between two signs of life while it waits."""


class Memory(Protocol):
    """Why nothing more is broken; it outlives the process."""

    def why(self) -> str:
        """ "" while nothing failed, and again once a person has cleared it."""

    def keep(self, text: str) -> None:
        """Remember a failed verdict."""


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
        """Stop after what is under way."""
        self._ended.set()

    def forever(self) -> None:
        """Until `end`."""
        start = self._time.wall()
        slot = 0
        while not self._ended.is_set():
            self.status.next = start + slot * self._plan.every + self._late()
            self._wait()
            if self._ended.is_set():
                return
            self._once()
            passed = self._time.wall() - start
            slot = max(slot + 1, int(passed // self._plan.every) + (passed % self._plan.every > 0))

    def _late(self) -> float:
        return self._random.uniform(0.0, self._plan.jitter)

    def _wait(self) -> None:
        while not self._ended.is_set():
            self.status.beat = self._time.wall()
            left = self.status.next - self._time.wall()
            if left <= 0:
                return
            self._time.wait(min(left, BEAT))

    def _once(self) -> None:
        """One run, if nothing speaks against it."""
        status = self.status
        why = self._halted()
        if why:
            return
        file = self._plan.files[self._turn % len(self._plan.files)]
        self._turn += 1
        status.running = file
        try:
            code = self._run(file)
        finally:
            status.running = ""
            status.beat = self._time.wall()
        status.runs[file, WORDS.get(code, "ended")] += 1
        status.last[file] = self._time.wall()
        status.troubled = status.troubled + 1 if code in TROUBLED else 0
        if code in FAILED and not self._plan.keep_going and not self._ended.is_set():
            self._memory.keep(f"{file} {WORDS[code]}")
            status.halted = self._memory.why()
            self._tell(f"{status.halted}; nothing more is broken until then")

    def _halted(self) -> bool:
        self.status.halted = "" if self._plan.keep_going else self._memory.why()
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
