"""A budget under which no Pod may ever be evicted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.proofs import evict_covered
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import Workload, mapping
from resilience.kube import objects


def find(inventory: Inventory) -> Iterator[Hit]:
    """Budgets that leave nothing to evict even when every Pod is healthy."""
    for budget in inventory.of("PodDisruptionBudget"):
        spec = mapping(budget, "spec")
        covered = inventory.selected(objects.namespace(budget), spec.get("selector"))
        most = _most(covered, inventory)
        if covered and most and _allowed(spec, most) <= 0:
            said = "maxUnavailable" if "maxUnavailable" in spec else "minAvailable"
            yield Hit(budget, f"{said}: {spec.get(said)} of {most} allows no eviction")


def _most(covered: Sequence[Workload], inventory: Inventory) -> int:
    """The maximum number of Pods; 0 if it is unknown."""
    total = 0
    for workload in covered:
        scaler = inventory.scalers.get((workload.kind, workload.namespace, workload.name))
        most = mapping(scaler, "spec").get("maxReplicas") if scaler else workload.replicas
        if not isinstance(most, int):
            return 0
        total += most
    return total


def _allowed(spec: dict[str, Any], most: int) -> int:
    """Evictions that the budget allows of `most` healthy Pods; shares are rounded up."""
    if "maxUnavailable" in spec:
        return _count(spec["maxUnavailable"], most)
    return most - _count(spec.get("minAvailable", 1), most)


def _count(value: Any, of: int) -> int:
    text = str(value)
    if text.endswith("%") and text[:-1].isdigit():
        return math.ceil(of * int(text[:-1]) / 100)
    return int(text) if text.isdigit() else of


RULE = Rule(
    id="budget-blocks",
    level=Level.ERROR,
    title="a budget under which nothing may be evicted",
    reason=(
        "A drain of any node with such a Pod waits forever, so node upgrades stop there."
        " People then delete the budget or the Pod by hand, without protection."
    ),
    remedy="Allow one disruption: maxUnavailable: 1, and one replica more than the service needs.",
    link="https://kubernetes.io/docs/tasks/run-application/configure-pdb/#specifying-a-poddisruptionbudget",
    source="pkg/controller/disruption/disruption.go",
    needs=("HorizontalPodAutoscaler",),
    find=find,
    prove=evict_covered,
)
