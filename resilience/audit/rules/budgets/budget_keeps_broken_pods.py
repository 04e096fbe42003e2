"""A budget that protects Pods that do not work."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.proofs import evict_covered
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import mapping
from resilience.kube import objects


def find(inventory: Inventory) -> Iterator[Hit]:
    """Budgets with the default policy for unhealthy Pods."""
    for budget in inventory.of("PodDisruptionBudget"):
        spec = mapping(budget, "spec")
        covered = inventory.selected(objects.namespace(budget), spec.get("selector"))
        if covered and spec.get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
            yield Hit(budget, "unhealthyPodEvictionPolicy is not AlwaysAllow")


RULE = Rule(
    id="budget-keeps-broken-pods",
    level=Level.INFO,
    title="a budget that protects broken Pods",
    reason=(
        "A crash-looping Pod cannot be evicted while too few Pods are healthy, so it blocks"
        " the drain that could fix it. A bad rollout stops the upgrade of the nodes."
    ),
    remedy="Set unhealthyPodEvictionPolicy: AlwaysAllow.",
    link="https://kubernetes.io/docs/tasks/run-application/configure-pdb/#unhealthy-pod-eviction-policy",
    source="pkg/registry/core/pod/storage/eviction.go",
    find=find,
    prove=evict_covered,
)
