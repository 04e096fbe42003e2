"""A container that may use all memory of its node."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.proofs import crash_one
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import mapping


def find(inventory: Inventory) -> Iterator[Hit]:
    """Containers without a memory limit."""
    for workload in inventory.workloads:
        for container in workload.containers:
            if "memory" not in mapping(container, "resources", "limits"):
                yield Hit(workload.object, "no memory limit", str(container.get("name")))


RULE = Rule(
    id="no-memory-limit",
    level=Level.WARNING,
    title="a container that may use all memory of its node",
    reason=(
        "A leak in it ends other Pods of the node before its own. With a limit, only this"
        " container is killed and restarted."
    ),
    remedy="Set the memory limit to the request, or somewhat above it.",
    link="https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/",
    source="pkg/kubelet/qos/policy.go",
    find=find,
    prove=crash_one,
)
