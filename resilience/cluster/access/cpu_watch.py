"""Reads how long the sandbox's Pods wait for a CPU, and how much of the CPUs other programs use.

The sandbox's processes are descendants of the one that was started. Requests pass through the data
plane and the containers, which are what the zygote forks; only their threads' waits are counted.
Everything of the sandbox counts as its own use. Only for the embedded sandbox: nobody counts this
on a real cluster. Where the kernel does not (no `schedstat`), there are no spans, so that nothing
is excused.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from types import TracebackType

from resilience.model.cpu_waits import CpuWaits, Waited

EVERY = 0.25
"""Seconds between two readings."""

SHARE = 0.02
"""The most of a CPU that reading may use; a sandbox with many processes is read less often."""

MOST = 20_000
"""Readings that are kept: more than an hour's."""

ENDS_WITHIN = 1.0
DATA_PLANE, ZYGOTE = "rs-dataplane", "rs-zygote"
"""What these processes of the sandbox call themselves."""

ENDED = (FileNotFoundError, ProcessLookupError)
"""A process or thread is gone."""

NANO = 1e-9
BUSY = (0, 1, 2, 5, 6)
"""Fields of a CPU's line in /proc/stat: user, nice, system, irq, softirq."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Counts of seconds up to now: `waited` by thread, `own` use by process, and the use of all
    programs, on the CPUs that the sandbox may use."""

    at: float
    waited: Mapping[int, float]
    own: Mapping[int, float]
    used: float


class CpuWatch:
    """Reads on a thread of its own, as a context manager."""

    def __init__(
        self, read: Callable[[], Reading | None], every: float = EVERY, most: int = MOST
    ) -> None:
        self._read = read
        self._every = every
        self._readings: deque[Reading] = deque(maxlen=most)
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="cpu-watch", daemon=True)

    @classmethod
    def of(cls, process: int) -> CpuWatch:
        """Of the sandbox whose first process that is."""
        return cls(lambda: reading(process))

    def __enter__(self) -> CpuWatch:
        self._look()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._over.set()
        self._thread.join(ENDS_WITHIN)

    def waits(self) -> CpuWaits:
        """Up to now."""
        self._look()
        with self._lock:
            readings = [*self._readings]
        return CpuWaits(tuple(between(*pair) for pair in pairwise(readings)))

    def _watch(self) -> None:
        rest = self._every
        while not self._over.wait(rest):
            before = time.thread_time()
            self._look()
            rest = pause(self._every, time.thread_time() - before)

    def _look(self) -> None:
        with self._lock:
            if found := self._read():
                self._readings.append(found)


def pause(every: float, took: float) -> float:
    """Seconds until the next reading, after one that took so many CPU seconds."""
    return max(every, took / SHARE)


def between(first: Reading, second: Reading) -> Waited:
    """What happened between two readings. A thread or process that has ended since the first is
    not counted; one that is new counts from its beginning."""
    own = _grown(first.own, second.own)
    return Waited(
        since=first.at,
        until=second.at,
        waited=_grown(first.waited, second.waited),
        others=max(0.0, second.used - first.used - own),
    )


def _grown(first: Mapping[int, float], second: Mapping[int, float]) -> float:
    return sum(max(0.0, now - first.get(key, 0.0)) for key, now in second.items())


def reading(process: int) -> Reading | None:
    """The counts of that sandbox now; None if they cannot be read."""
    waited: dict[int, float] = {}
    own: dict[int, float] = {}
    try:
        at, used = time.monotonic(), _used(os.sched_getaffinity(process))
        for pid, behind in _tree(process):
            with suppress(*ENDED):
                own[pid] = _ran(pid)
                waited |= dict(_waits(pid)) if behind else {}
    except OSError:  # The sandbox has ended, or this process has no descriptor left.
        return None
    return Reading(at=at, waited=waited, own=own, used=used)


def _tree(process: int) -> Iterator[tuple[int, bool]]:
    """The process and its descendants, and whether requests pass through them."""
    ahead = [(process, False)]
    while ahead:
        pid, behind = ahead.pop()
        with suppress(*ENDED):
            name = "" if behind else _text(f"/proc/{pid}/comm").strip()
            yield pid, behind or name == DATA_PLANE
            below = behind or name == ZYGOTE
            ahead += [(child, below) for task in _tasks(pid) for child in _children(pid, task)]


def _tasks(pid: int) -> list[int]:
    return [int(name) for name in os.listdir(f"/proc/{pid}/task")]


def _children(pid: int, task: int) -> list[int]:
    with suppress(*ENDED):
        return [int(word) for word in _text(f"/proc/{pid}/task/{task}/children").split()]
    return []


def _waits(pid: int) -> Iterator[tuple[int, float]]:
    """Each thread of a process, and how long it has waited for a CPU since it began."""
    for task in _tasks(pid):
        with suppress(*ENDED):
            yield task, int(_text(f"/proc/{pid}/task/{task}/schedstat").split()[1]) * NANO


def _ran(pid: int) -> float:
    """CPU seconds of a process, with its ended threads: its CPU clock, whose number is made of the
    process id as in clock_getcpuclockid(3)."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError as error:
        raise ProcessLookupError(*error.args) from None


def _used(cpus: Set[int]) -> float:
    """CPU seconds of all programs on these CPUs."""
    ticks = 0
    for line in _text("/proc/stat").splitlines():
        name, *fields = line.split()
        if name.startswith("cpu") and name[3:].isdigit() and int(name[3:]) in cpus:
            ticks += sum(int(fields[index]) for index in BUSY)
    return ticks / os.sysconf("SC_CLK_TCK")


def _text(path: str) -> str:
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read()
