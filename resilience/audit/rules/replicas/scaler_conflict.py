"""A replica count in the manifest that an autoscaler also sets."""

from __future__ import annotations

import json
from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory, key_of
from resilience.audit.base.proofs import restart
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import Workload, mapping
from resilience.kube import objects

LAST = "kubectl.kubernetes.io/last-applied-configuration"


def find(inventory: Inventory) -> Iterator[Hit]:
    """Autoscaled workloads whose manifest sets replicas."""
    for workload in inventory.lasting:
        if key_of(workload.object) in inventory.scalers and _written(workload, inventory.live):
            count = _written(workload, inventory.live)
            yield Hit(workload.object, f"replicas: {count} is set, and an autoscaler scales it")


def _written(workload: Workload, live: bool) -> int:
    """The replicas of its manifest, 0 without; a live object always has some."""
    source = workload.object
    if live:
        try:
            source = json.loads(objects.annotation(workload.object, LAST) or "{}")
        except ValueError:
            return 0
    found = mapping(source, "spec").get("replicas")
    return found if isinstance(found, int) else 0


RULE = Rule(
    id="scaler-conflict",
    level=Level.WARNING,
    title="replicas and an autoscaler in conflict",
    reason=(
        "Each apply of the manifest resets the number of Pods to its own value, whatever the load."
        " The autoscaler raises it again some time later."
    ),
    remedy="Remove spec.replicas from the manifest of an autoscaled workload.",
    link="https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#migrating-deployments-and-statefulsets-to-horizontal-autoscaling",
    source="pkg/controller/podautoscaler/horizontal.go",
    needs=("HorizontalPodAutoscaler",),
    find=find,
    prove=restart,
)
