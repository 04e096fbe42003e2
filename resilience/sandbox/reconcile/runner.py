"""The work queue that all controllers share: keys in, bounded slices of reconciling out.

A key is (controller, namespace, name). It waits at most once in the queue, is retried with back-off
when the API refuses, and can be scheduled again after a time. One slice runs keys for a few
milliseconds and then yields to the loop, so that ten thousand Pods never stall a request.

There are no "expectations" as in kube-controller-manager: those guard against acting twice on a
cache that lags behind the store. Here a controller reads the store itself, including its own
writes, so its view is never stale.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from resilience.sandbox.kube.api import ApiError, Clock
from resilience.sandbox.kube.selector_index import Key

SLICE: Final = 0.003
"""Seconds of real time after which a slice ends; one reconcile may overshoot it."""

HEAVY: Final = 0.004
"""A key whose reconcile took longer than this waits before it runs again ..."""

REST: Final = 10
"""... this many times what it took, so that no single key eats more than a tenth of the loop."""

FIRST_RETRY: Final = 0.01
LAST_RETRY: Final = 30.0

Item = tuple["Reconciler", Key]


class Reconciler(Protocol):
    """What the runner calls."""

    name: str

    def reconcile(self, key: Key) -> float | None:
        """Bring one object's state to what it specifies; returns seconds to run again after, or
        None.

        0 means "stopped early, put at the back of the queue".
        """


class Runner:
    """Runs reconcilers on the loop of `clock`; `timer` measures real time spent."""

    def __init__(self, clock: Clock, timer: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._timer = timer
        self._queue: deque[Item] = deque()
        self._waiting: set[Item] = set()
        self._delayed: dict[Item, tuple[float, Callable[[], None]]] = {}
        self._failures: dict[Item, int] = {}
        self._resting: dict[Item, float] = {}
        self._cancel: Callable[[], None] | None = None
        self._slice_end = 0.0
        self._stopped = False

    def add(self, reconciler: Reconciler, key: Key) -> None:
        """Queue a key, once."""
        item = (reconciler, key)
        rest = self._resting.get(item, 0.0) - self._clock.monotonic()
        if rest > 0:
            self.add_after(reconciler, key, rest)
            return
        self._resting.pop(item, None)
        self._put(item)

    def add_after(self, reconciler: Reconciler, key: Key, delay: float) -> None:
        """Queue a key after `delay` sandbox seconds; the earliest of several requests wins."""
        if self._stopped:
            return
        item = (reconciler, key)
        due = self._clock.monotonic() + delay
        known = self._delayed.get(item)
        if known is not None:
            if known[0] <= due:
                return
            known[1]()
        self._delayed[item] = (due, self._clock.call_later(delay, lambda: self._due(item)))

    def exhausted(self) -> bool:
        """Whether this slice's time is used up; long reconciles check it, stop early, return 0."""
        return self._timer() >= self._slice_end

    def stop(self) -> None:
        """Drop everything; nothing runs after this."""
        self._stopped = True
        self._queue.clear()
        self._waiting.clear()
        for _, cancel in self._delayed.values():
            cancel()
        self._delayed.clear()
        if self._cancel is not None:
            self._cancel()
            self._cancel = None

    def _put(self, item: Item) -> None:
        if item in self._waiting or self._stopped:
            return
        self._waiting.add(item)
        self._queue.append(item)
        self._schedule()

    def _due(self, item: Item) -> None:
        self._delayed.pop(item, None)
        self._resting.pop(item, None)
        self._put(item)

    def _schedule(self) -> None:
        if self._cancel is None and self._queue and not self._stopped:
            self._cancel = self._clock.call_later(0, self._slice)

    def _slice(self) -> None:
        self._cancel = None
        self._slice_end = self._timer() + SLICE
        # finally: a programming error in one controller reaches the loop's handler, loudly, but
        # must not silence all the others for good.
        try:
            while self._queue:
                self._run(self._queue.popleft())
                if self.exhausted():
                    return
        finally:
            self._schedule()

    def _run(self, item: Item) -> None:
        self._waiting.discard(item)
        reconciler, key = item
        started = self._timer()
        try:
            again = reconciler.reconcile(key)
        except ApiError as error:
            self._retry(item, error)
            return
        self._failures.pop(item, None)
        if again is not None and again <= 0:
            self._put(item)
            return
        spent = self._timer() - started
        if spent > HEAVY:
            self._resting[item] = self._clock.monotonic() + REST * spent
        if again is not None:
            self.add_after(reconciler, key, again)

    def _retry(self, item: Item, error: ApiError) -> None:
        count = self._failures.get(item, 0)
        self._failures[item] = count + 1
        delay = min(LAST_RETRY, FIRST_RETRY * 2 ** min(count, 20))
        self.add_after(item[0], item[1], max(delay, float(error.retry_after or 0)))
