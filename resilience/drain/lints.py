"""Finds budgets that will block a drain, before anything is changed; pure functions.

Six findings are those that cost operators the most time: an eviction that can never succeed looks,
from the outside, like one that has not succeeded yet. The seventh says that it may be too early to
tell: nothing is concluded from the numbers of a budget that its controller has not processed yet.
What a budget allows at this moment counts: during a rollout with a surge there may be more Pods
than are wanted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from resilience.cluster.interface import Object
from resilience.drain.budgets import key_of, selects, sync_failure, unprocessed
from resilience.drain.filters import controller_of


class Lint(Enum):
    """A defect of a budget."""

    SEVERAL = "several budgets cover one Pod"
    NEVER = "it never allows a disruption"
    EMPTY = "it covers no Pod"
    PENDING = "its controller has not processed it yet"
    FAILED = "its controller cannot compute it"
    UNOWNED = "percentages and maxUnavailable count only Pods with a controller"
    SINGLE = "one replica must always be available"


@dataclass(frozen=True, slots=True)
class Warning:
    """One finding: `budget` is "namespace/name"; `blocks`: an eviction under it must fail."""

    lint: Lint
    budget: str
    text: str
    blocks: bool


def lint(budgets: Sequence[Object], pods: Sequence[Object]) -> Sequence[Warning]:
    """All findings, by budget. `pods` are all Pods of the budgets' namespaces."""
    found: list[Warning] = []
    for budget in sorted(budgets, key=key_of):
        covered = [pod for pod in pods if selects(budget, pod)]
        found += _one(budget, covered)
        found += _several(budget, covered, budgets)
    return found


def _one(budget: Object, covered: Sequence[Object]) -> Iterable[Warning]:
    name = "/".join(key_of(budget))
    status = budget.get("status") or {}
    expected, desired = int(status.get("expectedPods") or 0), int(status.get("desiredHealthy") or 0)
    if not covered:
        yield Warning(Lint.EMPTY, name, f"{name} covers no Pod: check its selector", False)
        return
    if why := unprocessed(budget):
        yield Warning(Lint.PENDING, name, f"{name} {why}", False)
        return
    if failure := sync_failure(budget):
        yield Warning(Lint.FAILED, name, f"{name} allows nothing: {failure}", True)
        return
    if unowned := _unowned(budget, covered):
        yield Warning(
            Lint.UNOWNED,
            name,
            f"{name} uses {_how(budget)}, which ignores Pods without a controller: {unowned}; "
            "give minAvailable as a whole number",
            expected == 0,
        )
    if expected and desired >= expected and not int(status.get("disruptionsAllowed") or 0):
        kind = Lint.SINGLE if expected == 1 else Lint.NEVER
        yield Warning(
            kind,
            name,
            f"{name} wants {desired} of {expected} Pods healthy at all times ({_how(budget)}): no "
            "eviction can ever succeed; run more replicas or allow one to be unavailable",
            True,
        )


def _several(
    budget: Object, covered: Sequence[Object], budgets: Sequence[Object]
) -> Iterable[Warning]:
    name = "/".join(key_of(budget))
    others = sorted(
        "/".join(key_of(other))
        for other in budgets
        if key_of(other) != key_of(budget) and any(selects(other, pod) for pod in covered)
    )
    if others:
        yield Warning(
            Lint.SEVERAL,
            name,
            f"{name} covers Pods that {', '.join(others)} covers too: the API server evicts no Pod "
            "under more than one budget",
            True,
        )


def _unowned(budget: Object, covered: Sequence[Object]) -> str:
    if isinstance(budget["spec"].get("minAvailable"), int):
        return ""
    return ", ".join(sorted(pod["metadata"]["name"] for pod in covered if not controller_of(pod)))


def _how(budget: Object) -> str:
    spec = budget["spec"]
    key = "maxUnavailable" if "maxUnavailable" in spec else "minAvailable"
    return f"{key}: {spec.get(key)}"
