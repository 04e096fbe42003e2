"""Chooses which Pods to evict next, budget by budget; the cost grows with the number chosen, not
with the number waiting.

Waiting Pods are queued by the set of budgets that covers them: none (they go at once), one (as far
as it allows), several (the API server evicts no such Pod). Within a queue, Pods that are not ready
and those that terminate go first: evicting them does not affect the service, and often costs no
budget. An eviction of an operator's Pod is sent even where its budget allows nothing: a
webhook sees it before the API server reads the budget, and has the Pod moved.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from resilience.cluster.interface import Object
from resilience.drain.budgets import Allowance, is_counted, needs_budget
from resilience.drain.passing import is_operators
from resilience.kube import objects
from resilience.kube.readiness import is_ready


@dataclass(frozen=True, slots=True)
class Next:
    """One eviction to send, and the budget it spends from (None: none)."""

    pod: Object
    allowance: Allowance | None


@dataclass(slots=True)
class Queue:
    """Pods under the same budgets, by uid, in eviction order."""

    covers: Sequence[Allowance]
    ready: dict[str, Object] = field(default_factory=dict)
    first: dict[str, Object] = field(default_factory=dict)
    operators: dict[str, Object] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether a Pod waits in the queue."""
        return bool(self.ready or self.first)

    def put(self, pod: Object) -> None:
        """Add a Pod, or its newer state."""
        uid = pod["metadata"]["uid"]
        costs = is_ready(pod) and is_counted(pod)
        here, other = (self.ready, self.first) if costs else (self.first, self.ready)
        other.pop(uid, None)
        here[uid] = pod
        if is_operators(pod):
            self.operators[uid] = pod

    def drop(self, uid: str) -> None:
        """Remove a Pod that is gone, or whose eviction is in flight."""
        self.ready.pop(uid, None)
        self.first.pop(uid, None)
        self.operators.pop(uid, None)

    def choose(self, now: float) -> Sequence[Next]:
        """The Pods to evict now; they stay queued until they are dropped."""
        if not self.covers:
            return [Next(pod, None) for pod in self._all()]
        if len(self.covers) > 1:
            free = [Next(pod, None) for pod in self.first.values() if not is_counted(pod)]
        else:
            free = list(self._within(self.covers[0], now))
        chosen = {objects.uid(each.pod) for each in free}
        asked = [pod for uid, pod in self.operators.items() if uid not in chosen]
        return [*free, *(Next(pod, None) for pod in asked)]

    def _all(self) -> Iterator[Object]:
        yield from self.first.values()
        yield from self.ready.values()

    def _within(self, allowance: Allowance, now: float) -> Iterator[Next]:
        left = allowance.free(now)
        for pod in self.first.values():
            if not needs_budget(pod, allowance.budget):
                yield Next(pod, None)
            elif left > 0:
                left -= 1
                yield Next(pod, allowance)
        for pod in self.ready.values():
            if left <= 0:
                return
            left -= 1
            yield Next(pod, allowance)

    def reason(self) -> str:
        """Why a Pod of this queue waits, as text."""
        if len(self.covers) > 1:
            names = ", ".join(cover.budget["metadata"]["name"] for cover in self.covers)
            return (
                f"covered by more than one budget ({names}), and the API server evicts no such Pod:"
                " make all but one of them stop selecting it"
            )
        return self.covers[0].words() if self.covers else ""
