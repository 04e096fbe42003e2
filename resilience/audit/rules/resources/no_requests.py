"""A container without resource requests."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.proofs import drain
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import mapping


def find(inventory: Inventory) -> Iterator[Hit]:
    """Containers without a request for CPU or memory; a limit counts as a request."""
    for workload in inventory.workloads:
        for container in workload.containers:
            asked = mapping(container, "resources", "requests")
            limit = mapping(container, "resources", "limits")
            missing = [
                each for each in ("cpu", "memory") if each not in asked and each not in limit
            ]
            if missing:
                yield Hit(workload.object, f"no request for {' and '.join(missing)}",
                          str(container.get("name")))  # fmt: skip


RULE = Rule(
    id="no-requests",
    level=Level.WARNING,
    title="a container without resource requests",
    reason=(
        "The scheduler counts the container as nothing, so a node gets more Pods than it can hold."
        " Under pressure it is evicted first, and it may starve for CPU."
    ),
    remedy="Request the CPU and memory that the container needs under load.",
    link="https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/",
    source="pkg/kubelet/eviction/helpers.go",
    find=find,
    prove=drain,
)
