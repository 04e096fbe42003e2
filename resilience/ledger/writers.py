"""Writers at an open rate: write k leaves at `start + k / rate`, regardless of earlier ones.

They are threads of this process, not a process of their own: a ledger judges sets, not latencies,
and its journal needs one clock. A thread that is still waiting for an answer does not delay others;
more are started, to a limit, and a write that finds none free counts as not sent.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from queue import SimpleQueue
from random import Random
from threading import Event, Lock, Thread

from resilience.ledger import values
from resilience.ledger.drivers.session import Open, Refused, Session, Unclear, Unreadable, Unusable
from resilience.ledger.history import History, NotWritten
from resilience.ledger.records import Fate, Read, Write

MOST_THREADS = 128
LATE = 1.0
"""Seconds after its planned time after which a delayed write is no longer sent."""


class Writers:
    """Begin with `start`, end with `stop`. `sampled` is the part of acknowledged writes that are
    read back at once."""

    def __init__(
        self, open_: Open, history: History, prefix: str, *,
        interval: float, timeout: float, size: int, sampled: float, random: Random,
        changed: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self.trouble = ""
        self._open, self._history, self._prefix = open_, history, prefix
        self._interval, self._size, self._sampled = interval, size, sampled
        self._random, self._changed = random, changed
        self._most = min(MOST_THREADS, max(4, math.ceil(2 * timeout / interval) + 2))
        self._queue: SimpleQueue[Write | None] = SimpleQueue()
        self._idle = 0
        self._lock = Lock()
        self._over = Event()
        self._threads: list[Thread] = []
        self._pacer = Thread(target=self._pace, daemon=True, name="resilience-ledger")

    def start(self) -> None:
        """Write from now on."""
        self._pacer.start()

    def stop(self, patience: float) -> None:
        """Stop planning, and wait that many seconds for writes in flight. Idempotent."""
        self._over.set()
        if not self._pacer.is_alive() and not self._threads:
            return
        self._pacer.join()
        for _ in self._threads:
            self._queue.put(None)
        until = time.monotonic() + patience
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        self._threads = [thread for thread in self._threads if thread.is_alive()]

    def _pace(self) -> None:
        start = time.monotonic() + 0.005
        seq = 0
        while not self._over.wait(max(0.0, start + seq * self._interval - time.monotonic())):
            write = Write(seq=seq, key=values.key(self._prefix, seq),
                          intended=start + seq * self._interval)  # fmt: skip
            seq += 1
            try:
                self._history.plan(write)
                self._hand_over(write)
            except NotWritten as error:
                self._give_up(str(error))

    def _hand_over(self, write: Write) -> None:
        with self._lock:
            free = self._idle - self._queue.qsize()
        if free <= 0 and len(self._threads) >= self._most:
            now = time.monotonic()
            self._history.ended(write, now, Fate.UNSENT, why="every writer waits for an answer")
            return
        if free <= 0:
            thread = Thread(target=self._work, daemon=True, name="resilience-ledger-writer")
            self._threads.append(thread)
            thread.start()
        self._queue.put(write)

    def _work(self) -> None:
        session: Session | None = None
        while (write := self._next()) is not None:
            try:
                session = session or self._open()
                self._write(session, write)
            except (Unusable, NotWritten) as error:
                self._give_up(str(error))
                self._close_out(write, str(error))
            except Exception as error:  # noqa: BLE001 - a thread that dies must not die in silence
                self._give_up(f"the driver fails with {type(error).__name__}: {error}")
                self._close_out(write, str(error))
            self._changed()
        if session is not None:
            session.close()

    def _next(self) -> Write | None:
        with self._lock:
            self._idle += 1
        try:
            return self._queue.get()
        finally:
            with self._lock:
                self._idle -= 1

    def _write(self, session: Session, write: Write) -> None:
        history, now = self._history, time.monotonic()
        if now - write.intended > LATE + self._interval:
            history.ended(write, now, Fate.UNSENT, why="no writer was free in time")
            return
        history.sending(write, now)
        try:
            by = session.put(write.key, values.value(write.key, time.time(), self._size))
        except Refused as error:
            history.ended(write, time.monotonic(), Fate.FAILED, why=str(error))
        except Unclear as error:
            history.ended(write, time.monotonic(), Fate.UNKNOWN, why=str(error))
        except Unusable as error:
            # A login that was good before is refused by what came instead of the server.
            if not history.acknowledged:
                raise
            history.ended(write, time.monotonic(), Fate.FAILED, why=str(error))
        else:
            history.ended(write, time.monotonic(), Fate.ACKNOWLEDGED, by=by)
            if self._random.random() < self._sampled:
                self._read_back(session, write)

    def _read_back(self, session: Session, write: Write) -> None:
        begun = time.monotonic()
        try:
            found = session.get(write.key)
        except Unreadable:
            return  # such a read says nothing about the key
        self._history.read(
            Read(begun=begun, ended=time.monotonic(), found=found, asked=frozenset({write.key}))
        )

    def _close_out(self, write: Write, why: str) -> None:
        """End a write that was planned but perhaps never sent."""
        if write.fate is Fate.OPEN:
            write.fate = Fate.UNSENT if write.invoked is None else Fate.UNKNOWN
            write.ended, write.why = time.monotonic(), why

    def _give_up(self, why: str) -> None:
        self.trouble = self.trouble or why
        self._over.set()
        self._changed()
