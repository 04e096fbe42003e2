"""A service with a single Pod."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.makers import account_of
from resilience.audit.base.proofs import kill_one
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.versions import are_versions
from resilience.audit.base.workloads import Workload


def find(inventory: Inventory) -> Iterator[Hit]:
    """Scalable workloads with one Pod, unless nobody waits for its answers, or another version
    gives them."""
    for workload in inventory.lasting:
        if inventory.fewest(workload) != 1 or _is_not_awaited(workload, inventory):
            continue
        if not _stood_in_for(workload, inventory):
            scaled = "its autoscaler goes down to 1 Pod" if workload.replicas != 1 else "1 replica"
            yield Hit(workload.object, scaled)


def _is_not_awaited(workload: Workload, inventory: Inventory) -> bool:
    """Whether it is an exporter, or a controller: that watches the API server, and its successor
    continues where it stopped."""
    if id(workload.object) in inventory.asked:
        return False
    served = id(workload.object) in inventory.served
    return served or account_of(workload) in inventory.controllers


def _stood_in_for(workload: Workload, inventory: Inventory) -> bool:
    services = inventory.served.get(id(workload.object), ())
    behind = [
        [each for each in inventory.behind(service) if inventory.fewest(each)]
        for service in services
    ]
    return bool(behind) and all(len(each) > 1 and are_versions(each) for each in behind)


RULE = Rule(
    id="single-replica",
    level=Level.WARNING,
    title="a single Pod is the whole service",
    reason=(
        "Nothing answers between the loss of the only Pod and the moment when its successor is"
        " ready. Every node upgrade, eviction and crash causes that gap."
    ),
    remedy="Run at least two replicas, or accept the outage explicitly and measure how long it is.",
    link="https://kubernetes.io/docs/concepts/workloads/pods/disruptions/",
    source="pkg/controller/replicaset/replica_set.go",
    needs=("HorizontalPodAutoscaler",),
    find=find,
    prove=kill_one,
)
