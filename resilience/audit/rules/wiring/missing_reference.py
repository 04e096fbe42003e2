"""A Pod that refers to a missing object."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.proofs import kill_one
from resilience.audit.base.references import wanted
from resilience.audit.base.rule import Hit, Level, Rule


def find(inventory: Inventory) -> Iterator[Hit]:
    """In a cluster, every object that a template needs and that does not exist. In manifests
    only a ServiceAccount: the others are often created separately."""
    for workload in inventory.workloads:
        for kind, name in sorted(set(wanted(workload))):
            if not inventory.live and kind != "ServiceAccount":
                continue
            if kind not in inventory.unseen and not inventory.get(kind, name, workload.namespace):
                where = "does not exist" if inventory.live else "is not among these manifests"
                level = Level.ERROR if inventory.live else Level.WARNING
                yield Hit(workload.object, f"{kind} {name} {where}", f"{kind}/{name}", level)


RULE = Rule(
    id="missing-reference",
    level=Level.ERROR,
    title="a Pod that refers to a missing object",
    reason=(
        "Running Pods continue, but each new one stays in ContainerCreating or is not created."
        " The first drain or crash turns that into an outage."
    ),
    remedy="Create the object, or mark the reference optional.",
    link="https://kubernetes.io/docs/concepts/configuration/configmap/#using-configmaps",
    source="pkg/kubelet/kubelet_pods.go",
    find=find,
    prove=kill_one,
)
