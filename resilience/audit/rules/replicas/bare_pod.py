"""A Pod that nothing recreates."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.proofs import kill_one
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.kube import objects


def find(inventory: Inventory) -> Iterator[Hit]:
    """Pods without a controller that should run forever."""
    for workload in inventory.lasting:
        if workload.kind == "Pod" and not objects.metadata(workload.object).get("ownerReferences"):
            yield Hit(workload.object, "no controller recreates it")


RULE = Rule(
    id="bare-pod",
    level=Level.ERROR,
    title="a Pod that nothing recreates",
    reason=(
        "A Pod without a controller stays gone once it is deleted or its node is lost. A drain"
        " refuses to evict it, or deletes it for good."
    ),
    remedy="Put it into a Deployment, a StatefulSet or a Job.",
    link="https://kubernetes.io/docs/concepts/configuration/overview/#naked-pods-vs-replicasets-deployments-and-jobs",
    source="staging/src/k8s.io/kubectl/pkg/drain/filters.go",
    find=find,
    prove=kill_one,
)
