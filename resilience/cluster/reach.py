"""How to reach a Service: the host and port to connect to, and from where.

On the sandbox its ClusterIP is a loopback address; a port that the user may not bind has another
number, which an annotation of the Service gives. In a Pod of a real cluster the ClusterIP works as
well. From outside it does not: then the prober runs inside, in a Pod of its own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, Literal

from resilience.cluster.errors import Invalid, NotFound
from resilience.cluster.interface import SERVICES, Cluster

OUTSIDE = "from outside of a cluster a Service's address usually leads nowhere: "
"""What is said of something that runs beside pytest and did not reach a Service."""

_SERVICE_NAME = re.compile(r"([a-z0-9-]+)\.([a-z0-9-]+)\.svc(?:\.cluster\.local)?\.?")

PUBLISHED = "resilience.sandbox/published-port"
"""Annotation of the sandbox: "80=64080" for each port with another number."""


def address(
    cluster: Cluster,
    service: str,
    port: str | int,
    namespace: str,
    seen: frozenset[str] = frozenset(),
) -> tuple[str, int]:
    """(host, port) for its clients. NotFound when the Service or its port does not exist,
    Invalid when it has no address of its own, or names lead from Service to Service in a circle
    (`seen` has those that led here)."""
    what = f"service {namespace}/{service}"
    try:
        found = cluster.get(SERVICES, service, namespace)
    except NotFound:
        raise _absent(cluster, service, namespace, what) from None
    spec = found.get("spec") or {}
    external = spec.get("type") == "ExternalName"
    # Another name for a host, whose ports nobody declares.
    number = port if external and isinstance(port, int) else _number(spec, port, what)
    if external:
        return _external(cluster, str(spec.get("externalName", "")), number, seen | {what})
    if spec.get("clusterIP") in (None, "", "None"):
        raise _refuse(
            f"{what} is headless: it has no address of its own; address its Pods with `url:`"
        )
    if cluster.means.loopback:
        return str(spec["clusterIP"]), _published(found).get(number, number)
    return str(spec["clusterIP"]), number


def _external(cluster: Cluster, host: str, port: int, seen: frozenset[str]) -> tuple[str, int]:
    """The host's own name. On the sandbox the names of its Services are known to its Pods alone, so
    one of these leads to the Service's address."""
    inside = _SERVICE_NAME.fullmatch(host)
    if not (cluster.means.loopback and inside):
        return host, port
    name, namespace = inside[1], inside[2]
    if f"service {namespace}/{name}" in seen:
        raise _refuse(f"the names of {', '.join(sorted(seen))} lead to each other")
    return address(cluster, name, port, namespace, seen)


def service_port(cluster: Cluster, service: str, port: str | int, namespace: str) -> int:
    """The port that clients write behind the Service's name; errors as of `address`."""
    if isinstance(port, int):
        return port
    spec = cluster.get(SERVICES, service, namespace).get("spec") or {}
    return _number(spec, port, f"service {namespace}/{service}")


def authority(host: str, port: int, *, tls: bool) -> str:
    """A host as clients name it in a request: its port is left out if it is the usual one, and a
    name with other letters is in ASCII (RFC 9110, section 7.2)."""
    told = f"[{host}]" if ":" in host else host if host.isascii() else host.encode("idna").decode()
    return told if port == (443 if tls else 80) else f"{told}:{port}"


def route(
    cluster: Cluster, via: str = "auto", environment: Mapping[str, str] | None = None
) -> Literal["direct", "pod"]:
    """Where the prober runs: "direct", a local process, where a ClusterIP works (the sandbox, or
    a Pod of the cluster); "pod", in a Pod of its own, otherwise."""
    if via in ("direct", "pod"):
        return "direct" if via == "direct" else "pod"
    return "direct" if cluster.means.loopback or is_inside(environment) else "pod"


def outside(cluster: Cluster, service: str) -> bool:
    """Whether what runs beside pytest can expect not to reach this Service ("" for none)."""
    return bool(service) and route(cluster) == "pod"


def is_inside(environment: Mapping[str, str] | None = None) -> bool:
    """Whether this process runs in a Pod."""
    return "KUBERNETES_SERVICE_HOST" in (os.environ if environment is None else environment)


def _absent(cluster: Cluster, service: str, namespace: str, what: str) -> NotFound:
    names = [str(one["metadata"]["name"]) for one in cluster.list(SERVICES, namespace)]
    known = ", ".join(names) or "none"
    return NotFound(404, f"{what} does not exist; namespace {namespace!r} has: {known}")


def _number(spec: Mapping[str, Any], port: str | int, what: str) -> int:
    ports = spec.get("ports") or ()
    for one in ports:
        if port in (one.get("name"), one.get("port")) or (port == "" and len(ports) == 1):
            return int(one["port"])
    known = ", ".join(
        f"{one['port']} ({one['name']})" if one.get("name") else str(one["port"]) for one in ports
    )
    if port == "" and ports:
        raise NotFound(404, f"{what} has several ports; say which with `port:`: {known}")
    if port == "":
        raise NotFound(404, f"{what} has no port; write its number with `port:`")
    raise NotFound(404, f"{what} has no port {port!r}; it has: {known or 'none'}")


def _published(service: Mapping[str, Any]) -> dict[int, int]:
    text = str((service["metadata"].get("annotations") or {}).get(PUBLISHED, ""))
    pairs = (pair.split("=") for pair in text.split(",") if pair)
    return {int(known): int(real) for known, real in pairs}


def _refuse(text: str) -> Invalid:
    return Invalid(400, text)
