"""When watchers are notified: at once on a quiet cluster, in rounds on a busy one.

Waking fifty tasks and writing to fifty sockets costs more than the change itself. So after each
round of waking the notifier pauses for a few times the cost of that round, and changes in the
meantime are sent together. A lone watcher of a quiet cluster never waits; under any load all of
them together use about a ninth of the server. One notifier per server, on its event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

REST = 8.0
"""The bell rests this many times as long as the last round took the loop, in CPU time."""
LONGEST_REST = 0.02
"""Seconds; what a client may notice stays well under the 50 ms that a busy watch may lag."""


class Ear:
    """What one task waits with. Not for two tasks."""

    def __init__(self) -> None:
        self._waiter: asyncio.Future[None] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._moment = 0.0

    @property
    def waiting(self) -> bool:
        """Whether a task is waiting."""
        return self._waiter is not None

    async def wait(self, moment: float) -> None:
        """Until woken, or until the loop's time is `moment`."""
        loop = asyncio.get_running_loop()
        self._moment = moment
        # One timer for thousands of waits: when it fires it checks whether the time has come.
        if self._alarm is None or self._alarm.when() > moment:
            self._set_alarm(loop)
        self._waiter = loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def wake(self) -> None:
        """End the wait, if there is one."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def close(self) -> None:
        """Release the timer."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _set_alarm(self, loop: asyncio.AbstractEventLoop) -> None:
        self.close()
        self._alarm = loop.call_at(self._moment, self._rings, loop)

    def _rings(self, loop: asyncio.AbstractEventLoop) -> None:
        self._alarm = None
        if not self.waiting:
            return
        if self._moment > loop.time():
            self._set_alarm(loop)
        else:
            self.wake()


class Bell:
    """Wakes tasks in rounds. `spent` returns CPU seconds of this thread."""

    def __init__(self, spent: Callable[[], float] = time.thread_time) -> None:
        self._spent = spent
        self._ears: list[Ear] = []
        self._busy = False
        self._began = 0.0
        self._next = 0.0

    def ring(self, ear: Ear) -> None:
        """Wake `ear` in the next round. Call it once per wait."""
        self._ears.append(ear)
        if not self._busy:
            self._busy = True
            self._start(asyncio.get_running_loop())

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._next > loop.time():
            loop.call_at(self._next, self._round, loop)
        else:
            loop.call_soon(self._round, loop)

    def _round(self, loop: asyncio.AbstractEventLoop) -> None:
        self._began = self._spent()
        ears, self._ears = self._ears, []
        for ear in ears:
            ear.wake()
        # The loop keeps its order: this runs right after the tasks that were woken.
        loop.call_soon(self._over, loop)

    def _over(self, loop: asyncio.AbstractEventLoop) -> None:
        cost = self._spent() - self._began
        self._next = loop.time() + min(REST * cost, LONGEST_REST)
        self._busy = bool(self._ears)
        if self._busy:
            self._start(loop)
