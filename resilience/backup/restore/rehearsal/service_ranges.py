"""Ranges of Service addresses that a restore creates (ServiceCIDR).

The API server refuses an address that no range holds
(pkg/registry/core/service/ipallocator/cidrallocator.go). Before the restore the range is not there.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

from resilience.backup.objects.kind_identity import identity
from resilience.backup.restore.writes.server_refusals import NO_ADDRESS
from resilience.cluster.interface import Object
from resilience.kube.objects import mapping


class ServiceRanges:
    """Those that are to be created."""

    def __init__(self) -> None:
        self._coming: list[str] = []

    def add(self, obj: Object) -> None:
        """Look at an object that is to be created."""
        if identity(obj) == "ServiceCIDR.networking.k8s.io":
            self._coming += map(str, mapping(obj.get("spec")).get("cidrs") or ())

    def explain(self, obj: Object, reason: str) -> bool:
        """Whether a Service is refused only because its range does not exist yet."""
        if identity(obj) != "Service" or NO_ADDRESS not in reason:
            return False
        spec = mapping(obj.get("spec"))
        wanted = spec.get("clusterIPs") or [spec.get("clusterIP")]
        return any(_holds(cidr, each) for cidr in self._coming for each in wanted)


def _holds(cidr: str, address: Any) -> bool:
    try:
        return ip_address(address) in ip_network(cidr)
    except ValueError:
        return False
