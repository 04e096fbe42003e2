"""Which Pods to evict next: a pure step from what is waiting and what is allowed.

Order: Pods that are not ready go first, they cost the service nothing; then by namespace and name.
A budget is spent only as far as it is free now; what does not fit waits, with the reason in words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from resilience.cluster.interface import Object
from resilience.drain.budgets import Allowance, is_ready, key_of, needs_budget

Covers = Callable[[Object], Sequence[Allowance]]
"""The budgets that cover a Pod; the caller may remember them from one step to the next."""


@dataclass(frozen=True, slots=True)
class Next:
    """One eviction to send, and the budget it spends from (None: none)."""

    pod: Object
    allowance: Allowance | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """One Pod that has to wait, and why."""

    pod: Object
    reason: str


def plan(pods: Iterable[Object], covers: Covers, now: float) -> tuple[list[Next], list[Waiting]]:
    """Split the Pods into those to evict now and those that wait. Nothing is changed."""
    left: dict[int, int] = {}
    chosen: list[Next] = []
    waiting: list[Waiting] = []
    for pod in sorted(pods, key=lambda pod: (is_ready(pod), key_of(pod))):
        found = covers(pod)
        if len(found) > 1 and _consults_budgets(pod):
            waiting.append(Waiting(pod, _too_many(found)))
        elif not found or not needs_budget(pod, found[0].budget):
            chosen.append(Next(pod, None))
        elif left.setdefault(id(found[0]), found[0].free(now)) > 0:
            left[id(found[0])] -= 1
            chosen.append(Next(pod, found[0]))
        else:
            waiting.append(Waiting(pod, found[0].words()))
    return chosen, waiting


def _consults_budgets(pod: Object) -> bool:
    finished = (pod.get("status") or {}).get("phase") in ("Pending", "Succeeded", "Failed")
    return not finished and not pod["metadata"].get("deletionTimestamp")


def _too_many(found: Sequence[Allowance]) -> str:
    names = ", ".join(allowance.budget["metadata"]["name"] for allowance in found)
    return (
        f"covered by more than one budget ({names}), and the API server evicts no such Pod: "
        "make all but one of them stop selecting it"
    )
