"""An autoscaler that scales nothing."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import SCALED, mapping
from resilience.kube import objects


def find(inventory: Inventory) -> Iterator[Hit]:
    """Autoscalers whose target does not exist, or that cannot scale."""
    for scaler in inventory.of("HorizontalPodAutoscaler"):
        spec = mapping(scaler, "spec")
        target = mapping(spec, "scaleTargetRef")
        kind, name = str(target.get("kind")), str(target.get("name"))
        if kind in SCALED and inventory.get(kind, name, objects.namespace(scaler)) is None:
            yield Hit(scaler, f"its target {kind.lower()}/{name} does not exist")
        elif spec.get("minReplicas", 1) == spec.get("maxReplicas"):
            yield Hit(scaler, f"minReplicas and maxReplicas are both {spec.get('maxReplicas')}")


RULE = Rule(
    id="scaler-without-target",
    level=Level.WARNING,
    title="an autoscaler that scales nothing",
    reason=(
        "The service keeps its number of Pods under any load. Nobody notices before the load comes."
    ),
    remedy="Name an existing workload, and leave room between minReplicas and maxReplicas.",
    link="https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/",
    source="pkg/controller/podautoscaler/horizontal.go",
    needs=("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"),
    find=find,
)
