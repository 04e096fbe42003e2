"""Progress of long pieces of work, as text: `copy x: 1.2 GB of 5 GB, 120 MB/s, 32s left`.

`Tasks` listens (`resilience.model.progress`) and prints a line every ten seconds, from its own
thread, so that a stalled task is reported as well. Shorter tasks print nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from resilience.model.progress import Done, Task, listening
from resilience.model.words import many, span

EVERY = 10.0
"""Seconds between two lines of a task."""

_SIZES = ("B", "kB", "MB", "GB", "TB")


@dataclass(slots=True)
class _Running:
    task: Task
    began: float
    moved: float
    done: int = 0


class Tasks:
    """The tasks that are in progress. Safe to call from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._running: list[_Running] = []
        self._lock = threading.Lock()

    @contextmanager
    def __call__(self, task: Task) -> Iterator[Done]:
        """A `Listener`."""
        began = self._clock()
        mine = _Running(task, began, began)

        def done(count: int) -> None:
            with self._lock:
                mine.done += count
                mine.moved = self._clock()

        with self._lock:
            self._running.append(mine)
        try:
            yield done
        finally:
            with self._lock:
                self._running.remove(mine)

    def lines(self, older: float = 0.0) -> list[str]:
        """One line for each task that has run for at least `older` seconds."""
        now = self._clock()
        with self._lock:
            return [
                line(each.task, each.done, now - each.began, now - each.moved)
                for each in self._running
                if now - each.began >= older
            ]

    @contextmanager
    def told(self, say: Callable[[str], None], every: float = EVERY) -> Iterator[None]:
        """While the block runs, listen and print a line for each task at intervals."""
        over = threading.Event()

        def speak() -> None:
            while not over.wait(every):
                for text in self.lines(every * 0.9):
                    say(text)

        speaker = threading.Thread(target=speak, daemon=True, name="resilience-progress")
        speaker.start()
        try:
            with listening(self):
                yield
        finally:
            over.set()
            speaker.join()


def line(task: Task, done: int, seconds: float, still: float = 0.0) -> str:
    """One line: the task, how much of the total is done, the rate, and the remaining time. A task
    that waits or has stalled has no rate: `still` is how long nothing has been added."""
    if not task.unit:
        return f"{task.what}, for {span(seconds)}"
    parts = [f"{task.what}: {_amounts(task, done)}"]
    if done and still >= EVERY:
        return f"{parts[0]}, nothing new for {span(still)}"
    rate = done / seconds if seconds > 0 else 0.0
    if rate:
        parts.append(f"{_size(rate)}/s" if task.unit == "byte" else f"{rate:.3g}/s")
    if rate and task.total is not None and done < task.total:
        parts.append(f"{span(round(max(0.0, task.total - done) / rate, 0))} left")
    else:
        parts.append(f"for {span(seconds)}")
    return ", ".join(parts)


def _amounts(task: Task, done: int) -> str:
    if task.unit == "byte":
        return _size(done) + (f" of {_size(task.total)}" if task.total is not None else "")
    if task.total is None:
        return many(done, task.unit)
    return f"{done:,} of {many(task.total, task.unit)}"


def _size(count: float) -> str:
    value = float(count)
    for unit in _SIZES:
        if value < 1000 or unit == _SIZES[-1]:
            break
        value /= 1000
    return f"{value:.3g} {unit}"
