"""The arithmetic of disruption budgets (rules 2.2). Pure.

Both fields round percentages up. An integer `minAvailable` counts the matching Pods that exist now;
everything else counts what their controllers want. Source: pkg/controller/disruption/disruption.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.object_edits import is_deleting, set_condition
from resilience.sandbox.kube.pod_facts import is_ready
from resilience.sandbox.kube.rounding import scaled
from resilience.sandbox.kube.times import parse_or_zero

DELETION_TIMEOUT: Final = 120.0
"""How long an eviction's debit stands before the Pod counts as healthy again."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """Expected Pods, and how many of them must stay healthy."""

    pods: int
    healthy: int


def counts_controllers(budget: Obj) -> bool:
    """Whether the budget counts what controllers want instead of existing Pods."""
    minimum = budget["spec"].get("minAvailable")
    return minimum is None or not isinstance(minimum, int)


def expectation(budget: Obj, pods: int, wanted: int) -> Expectation:
    """`pods` match now, their controllers want `wanted`."""
    spec = budget["spec"]
    if spec.get("maxUnavailable") is not None:
        return Expectation(wanted, max(0, wanted - scaled(spec["maxUnavailable"], wanted, "up")))
    minimum = spec.get("minAvailable")
    if isinstance(minimum, int):
        return Expectation(pods, minimum)
    if minimum is not None:
        return Expectation(wanted, scaled(minimum, wanted, "up"))
    return Expectation(wanted, 0)


def disrupted(budget: Obj, pods: Sequence[Obj], now: float) -> tuple[dict[str, str], list[Obj]]:
    """Active debits, by Pod name, and Pods whose debit expired without a deletion."""
    known = (budget.get("status") or {}).get("disruptedPods") or {}
    standing: dict[str, str] = {}
    overdue: list[Obj] = []
    for pod in pods:
        name = pod["metadata"]["name"]
        if name not in known or is_deleting(pod):
            continue
        if parse_or_zero(known[name]) + DELETION_TIMEOUT < now:
            overdue.append(pod)
        else:
            standing[name] = known[name]
    return standing, overdue


def healthy(pods: Sequence[Obj], standing: Mapping[str, str]) -> int:
    """Ready Pods that are neither being deleted nor debited."""
    return sum(
        is_ready(pod) and not is_deleting(pod) and pod["metadata"]["name"] not in standing
        for pod in pods
    )


def status_of(
    budget: Obj, current: int, expected: Expectation, standing: Mapping[str, str], now: float
) -> dict[str, Any]:
    """The whole status."""
    allowed = max(0, current - expected.healthy) if expected.pods > 0 else 0
    status: dict[str, Any] = {
        "disruptionsAllowed": allowed,
        "currentHealthy": current,
        "desiredHealthy": expected.healthy,
        "expectedPods": expected.pods,
        "observedGeneration": budget["metadata"].get("generation", 1),
    }
    if standing:
        status["disruptedPods"] = dict(standing)
    reason = "SufficientPods" if allowed else "InsufficientPods"
    return {**status, "conditions": _condition(budget, bool(allowed), reason, "", now)}


def failed_status(budget: Obj, message: str, now: float) -> dict[str, Any]:
    """Nothing is allowed while it is unknown what would be safe."""
    old = budget.get("status") or {}
    status = {
        **{k: old.get(k, 0) for k in ("currentHealthy", "desiredHealthy", "expectedPods")},
        **old,
        "disruptionsAllowed": 0,
        "observedGeneration": budget["metadata"].get("generation", 1),
    }
    return {**status, "conditions": _condition(budget, False, "SyncFailed", message, now)}


def _condition(
    budget: Obj, allowed: bool, reason: str, message: str, now: float
) -> list[Mapping[str, Any]]:
    old = (budget.get("status") or {}).get("conditions") or ()
    generation = budget["metadata"].get("generation", 1)
    return set_condition(
        old, "DisruptionAllowed", "True" if allowed else "False", reason, message, now,
        observedGeneration=generation,
    )  # fmt: skip
