"""A container that occupies a port of its node."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.proofs import scale_up
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import listed


def find(inventory: Inventory) -> Iterator[Hit]:
    """Containers with a hostPort."""
    for workload in inventory.workloads:
        if workload.spec.get("hostNetwork") is True:
            continue
        for container in workload.containers:
            ports = [
                str(port["hostPort"]) for port in listed(container, "ports") if port.get("hostPort")
            ]
            if ports:
                yield Hit(
                    workload.object, f"hostPort {', '.join(ports)}", str(container.get("name"))
                )


RULE = Rule(
    id="host-port",
    level=Level.WARNING,
    title="a container that occupies a port of its node",
    reason=(
        "Only one such Pod can run on a node, so there are never more replicas than nodes. A"
        " rollout with a surge waits for a free node that may not exist."
    ),
    remedy="Use a Service; a DaemonSet behind a load balancer is the exception.",
    link="https://kubernetes.io/docs/concepts/configuration/overview/#services",
    source="pkg/scheduler/framework/plugins/nodeports/node_ports.go",
    find=find,
    prove=scale_up,
)
