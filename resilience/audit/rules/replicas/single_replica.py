"""A service with a single Pod."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.proofs import kill_one
from resilience.audit.base.rule import Hit, Level, Rule


def find(inventory: Inventory) -> Iterator[Hit]:
    """Scalable workloads with one Pod."""
    for workload in inventory.lasting:
        if inventory.fewest(workload) == 1:
            scaled = "its autoscaler goes down to 1 Pod" if workload.replicas != 1 else "1 replica"
            yield Hit(workload.object, scaled)


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
