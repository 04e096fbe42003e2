"""What the data plane should serve, computed from Services and EndpointSlices: pure functions.

Endpoints are chosen as in kube-proxy (pkg/proxy/topology.go): the ready ones; if there are none,
terminating ones that still serve.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resilience.sandbox.kube.api import Obj

SERVICE_NAME = "kubernetes.io/service-name"
AFFINITY_SECONDS = 10800
Endpoint = tuple[str, int]
Permits = Callable[[str, str, int, str], bool]
"""Whether a source address may reach an address, port and protocol."""


@dataclass(frozen=True, slots=True)
class Listen:
    """The address of a Service port; `port` is the declared number."""

    address: str
    port: int
    protocol: str


@dataclass(frozen=True, slots=True)
class Forward:
    """The targets of a `Listen`; `affinity` in seconds, 0 for none."""

    service: str
    endpoints: tuple[Endpoint, ...]
    affinity: int = 0


def source_of(client: str, service_address: str) -> str | None:
    """The source address of a client's traffic to endpoints; None leaves it to the kernel.

    Clients inside keep theirs. One from outside the cluster's addresses gets the first node's, as
    kube-proxy masquerades it: for a Pod, 127.0.0.1 would mean the Pod itself.
    """
    if not client.startswith("127."):
        return None
    network = ".".join(service_address.split(".")[:2])
    return client if client.startswith(network + ".") else f"{network}.0.1"


def key_of(obj: Obj) -> str:
    """namespace/name."""
    return f"{obj['metadata']['namespace']}/{obj['metadata']['name']}"


def service_of(endpoint_slice: Obj) -> str | None:
    """namespace/name of the Service an EndpointSlice belongs to."""
    name = (endpoint_slice["metadata"].get("labels") or {}).get(SERVICE_NAME)
    return None if name is None else f"{endpoint_slice['metadata']['namespace']}/{name}"


def usable(endpoints: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Ready ones, else serving and terminating ones. An unknown condition means ready."""
    ready = [e for e in endpoints if _condition(e, "ready", unknown=True)]
    if ready:
        return ready
    return [
        e
        for e in endpoints
        if _condition(e, "serving", unknown=False) and _condition(e, "terminating", unknown=False)
    ]


def _condition(endpoint: Mapping[str, Any], name: str, *, unknown: bool) -> bool:
    value = (endpoint.get("conditions") or {}).get(name)
    return unknown if value is None else bool(value)


def is_headless(service: Obj) -> bool:
    """Whether the Service has no address of its own."""
    return service["spec"].get("clusterIP") in (None, "", "None")


def forwards(
    service: Obj, slices: Iterable[Obj], node_addresses: Sequence[str]
) -> dict[Listen, Forward]:
    """Everything to be served for one Service."""
    found: dict[Listen, Forward] = {}
    spec = service["spec"]
    if is_headless(service) or spec.get("type") == "ExternalName":
        return found
    slices = list(slices)
    affinity = _affinity(spec)
    for port in spec.get("ports") or []:
        protocol = port.get("protocol", "TCP")
        targets = tuple(_targets(slices, port.get("name", ""), protocol))
        forward = Forward(key_of(service), targets, affinity)
        found[Listen(spec["clusterIP"], port["port"], protocol)] = forward
        if port.get("nodePort"):
            for address in node_addresses:
                found[Listen(address, port["nodePort"], protocol)] = forward
    return found


def _affinity(spec: Obj) -> int:
    if spec.get("sessionAffinity") != "ClientIP":
        return 0
    config = (spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}
    return int(config.get("timeoutSeconds") or AFFINITY_SECONDS)


def _targets(slices: Iterable[Obj], name: str, protocol: str) -> list[Endpoint]:
    """Over all slices: terminating ones count only when none is ready in any slice."""
    pairs: list[tuple[Mapping[str, Any], int]] = []
    for endpoint_slice in slices:
        for port in endpoint_slice.get("ports") or []:
            same = (port.get("name") or "") == name and port.get("protocol", "TCP") == protocol
            if same and port.get("port"):
                for endpoint in endpoint_slice.get("endpoints") or []:
                    pairs.append((endpoint, port["port"]))
    chosen = {id(endpoint) for endpoint in usable([endpoint for endpoint, _ in pairs])}
    return [(e["addresses"][0], port) for e, port in pairs if id(e) in chosen]
