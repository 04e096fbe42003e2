"""A container that may run as root."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.proofs import restart
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import mapping


def find(inventory: Inventory) -> Iterator[Hit]:
    """Containers whose user is root, or may be."""
    for workload in inventory.workloads:
        around = mapping(workload.spec, "securityContext")
        for container in workload.every_container:
            own = mapping(container, "securityContext")
            text = _root(around, own)
            if text:
                yield Hit(workload.object, text, str(container.get("name")))


def _root(around: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    user = own.get("runAsUser", around.get("runAsUser"))
    if own.get("runAsNonRoot", around.get("runAsNonRoot")) is True:
        return ""
    if user == 0:
        return "runAsUser: 0"
    return "" if isinstance(user, int) else "neither runAsNonRoot nor runAsUser is set"


RULE = Rule(
    id="runs-as-root",
    level=Level.INFO,
    title="a container that may run as root",
    reason=(
        "A compromised process controls everything in its container, and with one more"
        " vulnerability its node. The damage is not limited to its own service."
    ),
    remedy="Set runAsNonRoot: true, and a user in the image.",
    link="https://kubernetes.io/docs/concepts/security/pod-security-standards/",
    source="staging/src/k8s.io/pod-security-admission/policy/check_runAsNonRoot.go",
    find=find,
    prove=restart,
)
