"""Several replicas that may all be evicted at once."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.proofs import drain
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import SCALED


def find(inventory: Inventory) -> Iterator[Hit]:
    """Workloads of two replicas and more without a budget."""
    for workload in inventory.lasting:
        if workload.kind not in SCALED or (inventory.fewest(workload) or 0) < 2:
            continue
        if id(workload.object) not in inventory.budgets:
            yield Hit(workload.object, "no PodDisruptionBudget covers its Pods")


RULE = Rule(
    id="no-budget",
    level=Level.WARNING,
    title="several replicas that may all be evicted at once",
    reason=(
        "Without a PodDisruptionBudget a drain evicts all Pods of a node at once, and two drains"
        " empty two nodes. All replicas on those nodes stop together."
    ),
    remedy="Add a PodDisruptionBudget with maxUnavailable: 1.",
    link="https://kubernetes.io/docs/tasks/run-application/configure-pdb/",
    source="pkg/registry/core/pod/storage/eviction.go",
    needs=("PodDisruptionBudget", "HorizontalPodAutoscaler"),
    find=find,
    prove=drain,
)
