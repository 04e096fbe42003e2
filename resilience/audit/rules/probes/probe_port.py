"""A probe of a port that the container does not have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from resilience.audit.base.inventory import Inventory
from resilience.audit.base.proofs import restart
from resilience.audit.base.rule import Hit, Level, Rule
from resilience.audit.base.workloads import listed, mapping

PROBES = ("readinessProbe", "livenessProbe", "startupProbe")


def find(inventory: Inventory) -> Iterator[Hit]:
    """Probes of a port name that no port has."""
    for workload in inventory.lasting:
        for container in workload.containers:
            names = {str(port.get("name")) for port in listed(container, "ports")}
            for probe in PROBES:
                port = _port(mapping(container, probe))
                if isinstance(port, str) and not port.isdigit() and port not in names:
                    text = f"{probe} uses port {port!r}, which it does not have"
                    yield Hit(workload.object, text, str(container.get("name")))


def _port(probe: Mapping[str, Any]) -> Any:
    return mapping(probe, "httpGet").get("port") or mapping(probe, "tcpSocket").get("port")


RULE = Rule(
    id="probe-port",
    level=Level.ERROR,
    title="a probe of a missing port",
    reason=(
        "The kubelet cannot find the port, so the probe always fails. The container never becomes"
        " ready, or is killed again and again."
    ),
    remedy="Name a port of the same container.",
    link="https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/",
    source="pkg/probe/util.go",
    find=find,
    prove=restart,
)
