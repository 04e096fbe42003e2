"""The data plane's view of the cluster, and which Services a change concerns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from resilience.sandbox.dataplane.forwarding_table import key_of, service_of
from resilience.sandbox.kube.api import EventType, Obj

MOST_NODES_WITH_PORTS = 50
"""NodePorts are opened on so many nodes at most: each is a listener of its own."""


@dataclass(slots=True)
class State:
    """Services and slices by namespace/name; `on_service` is called for Services whose forwards
    may have changed."""

    on_service: Callable[[str], None] = lambda key: None
    services: dict[str, Obj] = field(default_factory=dict)
    node_addresses: dict[str, str] = field(default_factory=dict)
    _slices: dict[str, dict[str, Obj]] = field(default_factory=dict)

    def service_changed(self, kind: EventType, obj: Obj, old: Obj | None) -> None:
        """Handler for the reflector of Services."""
        key = key_of(obj)
        if kind == "DELETED":
            self.services.pop(key, None)
        else:
            self.services[key] = obj
        self.on_service(key)

    def slice_changed(self, kind: EventType, obj: Obj, old: Obj | None) -> None:
        """Handler for the reflector of EndpointSlices."""
        if obj.get("addressType", "IPv4") != "IPv4":
            return
        key, uid = service_of(obj), obj["metadata"]["uid"]
        before = None if old is None else service_of(old)
        if before is not None and (kind == "DELETED" or before != key):
            self._slices.get(before, {}).pop(uid, None)
            self.on_service(before)
        if key is not None and kind != "DELETED":
            self._slices.setdefault(key, {})[uid] = obj
            self.on_service(key)

    def node_changed(self, kind: EventType, obj: Obj, old: Obj | None) -> None:
        """Handler for the reflector of Nodes."""
        name = obj["metadata"]["name"]
        addresses = obj.get("status", {}).get("addresses") or []
        address = next((a["address"] for a in addresses if a["type"] == "InternalIP"), None)
        before = self.node_addresses.get(name)
        if kind == "DELETED" or address is None:
            self.node_addresses.pop(name, None)
        elif len(self.node_addresses) < MOST_NODES_WITH_PORTS:
            self.node_addresses[name] = address
        if before != self.node_addresses.get(name):
            for key, service in self.services.items():
                if any(port.get("nodePort") for port in service["spec"].get("ports") or []):
                    self.on_service(key)

    def slices_of(self, service: Obj) -> Iterable[Obj]:
        """The EndpointSlices of a Service."""
        return self._slices.get(key_of(service), {}).values()
