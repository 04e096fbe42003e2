"""A claim that no Pod uses."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.references import used
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.kube import objects


def find(inventory: Inventory) -> Iterator[Hit]:
    """Claims that no template and no StatefulSet names."""
    taken = used(inventory, "PersistentVolumeClaim")
    for claim in inventory.of("PersistentVolumeClaim"):
        key = objects.namespace(claim), objects.name(claim)
        if key not in taken and not objects.metadata(claim).get("ownerReferences"):
            yield Hit(claim, "no workload mounts it")


RULE = Rule(
    id="orphaned-claim",
    level=Level.WARNING,
    title="a claim that nothing mounts",
    reason=(
        "Nobody would notice if its data were damaged or gone, and nobody knows whether it is still"
        " needed. A workload may have lost it when a volume was renamed."
    ),
    remedy="Mount it where it belongs, or back it up and delete it.",
    link="https://kubernetes.io/docs/concepts/storage/persistent-volumes/",
    source="pkg/controller/volume/pvcprotection/pvc_protection_controller.go",
    needs=("Pod", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicaSet"),
    find=find,
)
