"""A Service with a target port that no container has."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.proofs import reach
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import listed, mapping


def find(inventory: Inventory) -> Iterator[Hit]:
    """Named targetPorts that none of the Pods behind the Service has."""
    for service in inventory.of("Service"):
        behind = inventory.behind(service)
        names = {
            str(port.get("name"))
            for workload in behind
            for container in workload.every_container
            for port in listed(container, "ports")
        }
        for port in listed(mapping(service, "spec"), "ports"):
            wanted = port.get("targetPort")
            if behind and isinstance(wanted, str) and not wanted.isdigit() and wanted not in names:
                text = f"no port of its Pods has the name of targetPort {wanted!r}"
                yield Hit(service, text, str(port.get("name") or port.get("port")))


RULE = Rule(
    id="service-port",
    level=Level.ERROR,
    title="a Service with a missing target port",
    reason=(
        "Pods without a port of that name are not endpoints, so connections to the Service fail."
        " Ready Pods and a correct selector do not help."
    ),
    remedy="Name a port of the container, or use its number.",
    link="https://kubernetes.io/docs/concepts/services-networking/service/#field-spec-ports",
    source="staging/src/k8s.io/endpointslice/util/controller_utils.go",
    find=find,
    prove=reach,
)
