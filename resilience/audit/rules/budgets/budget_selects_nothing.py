"""A budget that protects nothing."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import mapping, whole
from resilience.kube import objects


def find(inventory: Inventory) -> Iterator[Hit]:
    """Budgets whose selector takes no workload and no Pod."""
    for budget in inventory.of("PodDisruptionBudget"):
        selector = mapping(budget, "spec").get("selector")
        status = mapping(budget, "status")
        counted = whole(status.get("expectedPods"), 0)
        if objects.namespace(budget) in inventory.operated:
            continue
        if counted == 0 and not inventory.selected(objects.namespace(budget), selector):
            yield Hit(budget, "its selector matches no Pods")


RULE = Rule(
    id="budget-selects-nothing",
    level=Level.WARNING,
    title="a budget that protects nothing",
    reason=(
        "The Pods that it is meant for may all be evicted at once. A renamed label is the usual"
        " cause, and nothing reports it."
    ),
    remedy="Give it the labels of the Pods that it should cover, or delete it.",
    link="https://kubernetes.io/docs/tasks/run-application/configure-pdb/",
    source="pkg/controller/disruption/disruption.go",
    needs=("Deployment", "StatefulSet", "ReplicaSet", "Pod"),
    find=find,
)
