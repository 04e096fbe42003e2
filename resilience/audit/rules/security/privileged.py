"""A container with full control of its node."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.proofs import restart
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import mapping

NAMESPACES = ("hostNetwork", "hostPID", "hostIPC")


def find(inventory: Inventory) -> Iterator[Hit]:
    """Privileged containers, and Pods in their node's namespaces."""
    for workload in inventory.workloads:
        for container in workload.every_container:
            own = mapping(container, "securityContext")
            if own.get("privileged") is True:
                yield Hit(workload.object, "privileged: true", str(container.get("name")))
        shared = [each for each in NAMESPACES if workload.spec.get(each) is True]
        if shared:
            yield Hit(workload.object, f"{', '.join(shared)}: true", "Pod")


RULE = Rule(
    id="privileged",
    level=Level.WARNING,
    title="a Pod with control of its node",
    reason=(
        "Such a process can stop everything on its node, even by mistake. Its failure is the"
        " failure of a node."
    ),
    remedy="Remove privileged and the host's namespaces; add only the capability that it needs.",
    link="https://kubernetes.io/docs/concepts/security/pod-security-standards/",
    source="staging/src/k8s.io/pod-security-admission/policy/check_privileged.go",
    find=find,
    prove=restart,
)
