"""A prober on threads of this process, for requests that need a library of this process.

The agent is copied into Pods and uses only the standard library; requests in a database's protocol,
calls of a user's function, and exec over the API server are sent from here. The schedule is the
agent's: request k leaves at `start + k / rate`, whether or not earlier ones were answered. This
process may be busy with other things; the delay of each request is recorded, and the judgement
takes it into account.
"""

from __future__ import annotations

import math
import os
import resource
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Any, Protocol

from resilience.model.masks import excerpt
from resilience.model.samples import Answer
from resilience.probes.prober.news import TOLD, Part

ANSWERS = tuple(answer.name for answer in Answer)
MOST_THREADS = 64
NOTES = 20
_MICRO = 1e6


class Never(Exception):
    """The request can never be sent here (a missing package); the text says why."""


@dataclass(frozen=True, slots=True)
class Reply:
    """How one request ended; `text` says why it was not good, `by` who answered."""

    answer: Answer
    text: str = ""
    by: str = ""


Ask = Callable[[], Reply]
"""Ask once, within the timeout. It belongs to one thread, and keeps what it needs between calls."""

Open = Callable[[], Ask]
"""Prepare to ask, for one thread. Raises Never."""

Tell = Callable[[Part], None]

Opened = Callable[[Mapping[str, Any], Tell], Ask]
"""The same from a configuration of plain values, so that a Pod can ask as well; called with each
part of a question that has several."""


class Recording(Protocol):
    """What an asker needs of a log."""

    def begin(self, start: float, interval: float, answers: Sequence[str]) -> None: ...
    def add(self, row: Sequence[Any]) -> None: ...


@dataclass(slots=True)
class _Question:
    seq: int
    intended: float
    sent: float | None = None
    done: bool = False


class Asker:
    """A `resilience.probes.prober.launch.Prober`."""

    def __init__(
        self,
        open_: Open,
        configuration: Mapping[str, Any],
        log: Recording,
        changed: Callable[[], None],
        parts: list[Part] | None = None,
    ) -> None:
        self.trouble = self.waiting = self.where = ""
        self.parts: list[Part] = [] if parts is None else parts
        self.reasons: list[tuple[str, str]] = []
        self.cost: Mapping[str, Any] = {}
        self._open, self._log, self._changed = open_, log, changed
        self._interval = 1 / float(configuration["rate"])
        self._timeout = float(configuration["timeout"])
        self._limit = int(configuration.get("limit") or 0)
        self._most = min(MOST_THREADS, max(2, math.ceil(2 * self._timeout / self._interval) + 2))
        self._queue: SimpleQueue[_Question | None] = SimpleQueue()
        self._flying: dict[int, _Question] = {}
        self._threads: list[Thread] = []
        self._idle = 0
        self._lock = Lock()
        self._over = Event()
        self._start = time.monotonic() + 0.005 + self._turn(int(configuration.get("turns") or 0))
        log.begin(self._start, self._interval, ANSWERS)
        self._pacer = Thread(target=self._pace, daemon=True, name="resilience-asker")
        self._pacer.start()

    def wait(self, seconds: float) -> bool:
        """Whether it has ended by itself within that time, after `limit` requests."""
        self._pacer.join(seconds)
        return not self._pacer.is_alive()

    def stop(self) -> None:
        """Send no further request; wait for requests in flight until their timeout. Idempotent."""
        self._over.set()
        self._pacer.join()
        for _ in self._threads:
            self._queue.put(None)
        self._threads = []

    def _turn(self, turns: int) -> float:
        """Seconds until this prober's turn among several, as the agent counts them."""
        if not turns:
            return 0.0
        number = int(os.environ.get("JOB_COMPLETION_INDEX", "0"))
        return (self._interval * number / turns - time.time()) % self._interval

    def _pace(self) -> None:
        """Send the requests that are due; give up those that are too late; end once stopped and no
        request is in flight."""
        seq = 0
        while not self._over.is_set() and not (self._limit and seq >= self._limit):
            due = self._start + seq * self._interval
            if self._over.wait(max(0.0, min(due - time.monotonic(), self._timeout / 4))):
                break
            if time.monotonic() >= due:
                self._hand_over(_Question(seq, due))
                seq += 1
            self._give_up()
        while self._flying:
            time.sleep(min(0.01, self._timeout / 4))
            self._give_up()
        used = resource.getrusage(resource.RUSAGE_THREAD)
        self.cost = {"planned": seq, "priority": "normal", "in process": True,
                     "cpu": round(used.ru_utime + used.ru_stime, 4)}  # fmt: skip
        self._changed()

    def _hand_over(self, question: _Question) -> None:
        with self._lock:
            free = self._idle - self._queue.qsize()
            self._flying[question.seq] = question
        if free <= 0 and len(self._threads) >= self._most:
            self._end(question, Reply(Answer.UNSENT))
            return
        if free <= 0:
            self._threads.append(Thread(target=self._work, daemon=True, name="resilience-ask"))
            self._threads[-1].start()
        self._queue.put(question)

    def _work(self) -> None:
        ask: Ask | None = None
        while (question := self._next()) is not None:
            try:
                ask = ask or self._open()
                question.sent = time.monotonic()
                if question.sent - question.intended > self._timeout:
                    question.sent = None
                    self._end(question, Reply(Answer.UNSENT))
                    continue
                self._end(question, ask())
            except Never as error:
                self._fail(question, str(error))
            except Exception as error:  # noqa: BLE001 - a thread that dies must not die in silence
                self._fail(question, f"the probe fails with {type(error).__name__}: {error}")

    def _fail(self, question: _Question, why: str) -> None:
        """No further request can be sent."""
        self.trouble = self.trouble or why
        self._over.set()
        self._end(question, Reply(Answer.UNSENT))

    def _next(self) -> _Question | None:
        with self._lock:
            self._idle += 1
        try:
            return self._queue.get()
        finally:
            with self._lock:
                self._idle -= 1

    def _give_up(self) -> None:
        """A request whose time is up is a timeout, even if its thread still waits."""
        now = time.monotonic()
        with self._lock:
            late = [each for each in self._flying.values()
                    if now - (each.sent or each.intended) > self._timeout]  # fmt: skip
        for question in late:
            self._end(question, Reply(Answer.UNSENT if question.sent is None else Answer.TIMEOUT))

    def _end(self, question: _Question, reply: Reply) -> None:
        """Record it, once."""
        now = time.monotonic()
        with self._lock:
            if question.done:
                return
            question.done = True
            self._flying.pop(question.seq, None)
            sent = None if reply.answer is Answer.UNSENT else question.sent
            lag = None if sent is None else round((sent - question.intended) * _MICRO)
            took = round((now - question.intended) * _MICRO)
            number = ANSWERS.index(reply.answer.name)
            self._log.add([question.seq, lag, took, number, 0, excerpt(reply.by, 63)])
            said = (reply.answer.name, excerpt(reply.text, TOLD))
            if reply.text and said not in self.reasons and len(self.reasons) < NOTES:
                self.reasons.append(said)
        self._changed()


def asking(open_: Open) -> Callable[..., Asker]:
    """A `resilience.probes.prober.launch.Launch` that sends requests from this process."""

    def launch(
        configuration: Mapping[str, Any], log: Recording, changed: Callable[[], None]
    ) -> Asker:
        return Asker(open_, configuration, log, changed)

    return launch


def asking_as_told(opened: Opened) -> Callable[..., Asker]:
    """The same from the configuration alone, as in a Pod."""

    def launch(
        configuration: Mapping[str, Any], log: Recording, changed: Callable[[], None]
    ) -> Asker:
        parts: list[Part] = []

        def open_() -> Ask:
            return opened(configuration, parts.append)

        return Asker(open_, configuration, log, changed, parts)

    return launch
