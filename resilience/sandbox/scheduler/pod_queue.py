"""Pods that wait for a node: ready ones by priority and age, refused ones with back-off.

A refused Pod is tried again when a change could help, but no sooner than its back-off (1 s, doubled
each time, at most 10 s) allows, and after five minutes in any case
(internal/queue/scheduling_queue.go).
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Final

from resilience.sandbox.kube.selector_index import Key

FIRST: Final = 1.0
LAST: Final = 10.0
FLUSH: Final = 300.0


@dataclass(slots=True)
class Waiting:
    """One Pod not yet placed."""

    attempts: int = 0
    not_before: float = 0.0
    refused_at: float = 0.0
    active: bool = True


class Backlog:
    """The queue; the caller supplies all times."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Key]] = []
        self._pods: dict[Key, Waiting] = {}
        self._order: dict[Key, tuple[int, int]] = {}
        self._next = 0
        self._refused: dict[Key, None] = {}

    def __contains__(self, key: Key) -> bool:
        return key in self._pods

    def add(self, key: Key, priority: int) -> None:
        """A new Pod; known ones keep their place."""
        if key not in self._pods:
            self._next += 1
            self._pods[key] = Waiting()
            self._order[key] = (-priority, self._next)
            heapq.heappush(self._heap, (-priority, self._next, key))

    def discard(self, key: Key) -> None:
        """Remove a Pod that is placed or gone."""
        self._pods.pop(key, None)
        self._order.pop(key, None)
        self._refused.pop(key, None)

    def pop(self) -> Key | None:
        """The next Pod to try; it stays known until `discard` or `refuse`."""
        while self._heap:
            priority, number, key = heapq.heappop(self._heap)
            waiting = self._pods.get(key)
            if waiting is not None and waiting.active and self._order[key] == (priority, number):
                waiting.active = False
                return key
        return None

    def refuse(self, key: Key, now: float) -> None:
        """No node fits: back off."""
        waiting = self._pods[key]
        waiting.attempts += 1
        waiting.refused_at = now
        waiting.not_before = now + min(LAST, FIRST * 2 ** min(waiting.attempts - 1, 10))
        self._refused[key] = None

    def wait(self, key: Key, now: float) -> None:
        """Not refused, but waiting for something (a volume): no back-off, woken like others."""
        self._pods[key].not_before = now
        self._pods[key].refused_at = now
        self._refused[key] = None

    def retry(self, key: Key) -> None:
        """Try one Pod again at once: its own spec changed."""
        waiting = self._pods.get(key)
        if waiting is not None and not waiting.active:
            self._activate(key, waiting)

    def wake(self, now: float) -> float | None:
        """Something changed: refused Pods whose back-off is over are queued.

        Returns in how many seconds the next of the others may be woken.
        """
        soonest: float | None = None
        for key in tuple(self._refused):
            waiting = self._pods[key]
            left = waiting.not_before - now
            if left <= 0:
                self._activate(key, waiting)
            elif soonest is None or left < soonest:
                soonest = left
        return soonest

    def flush(self, now: float) -> float | None:
        """Wake Pods that were refused five minutes ago; returns when to check again, None if
        never."""
        soonest: float | None = None
        for key in tuple(self._refused):
            waiting = self._pods[key]
            left = waiting.refused_at + FLUSH - now
            if left <= 0:
                self._activate(key, waiting)
            elif soonest is None or left < soonest:
                soonest = left
        return soonest

    def _activate(self, key: Key, waiting: Waiting) -> None:
        self._refused.pop(key, None)
        waiting.active = True
        heapq.heappush(self._heap, (*self._order[key], key))
