"""A NetworkPolicy that isolates nothing."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import mapping
from resilience.kube import objects


def find(inventory: Inventory) -> Iterator[Hit]:
    """Policies whose selector matches no workload."""
    for policy in inventory.of("NetworkPolicy"):
        selector = mapping(policy, "spec", "podSelector")
        namespace = objects.namespace(policy)
        if not selector or namespace in inventory.operated:
            continue
        if not inventory.selected(namespace, selector):
            yield Hit(policy, "its podSelector matches no Pods")


RULE = Rule(
    id="policy-selects-nothing",
    level=Level.INFO,
    title="a NetworkPolicy that isolates nothing",
    reason=(
        "The Pods that it is meant for are open, although someone believes that they are not. A"
        " label that was renamed on one side is the usual cause."
    ),
    remedy="Give it the labels of the Pods that it should isolate, or delete it.",
    link="https://kubernetes.io/docs/concepts/services-networking/network-policies/",
    source="staging/src/k8s.io/api/networking/v1/types.go",
    needs=("Pod", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"),
    find=find,
)
