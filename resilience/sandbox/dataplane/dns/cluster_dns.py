"""Cluster DNS for Pods: the addresses of a name, with the Pod's search list applied.

Answers follow the DNS specification for Kubernetes: a Service's ClusterIP, the ready endpoints of a
headless one, an endpoint by its host name or dashed address, a Pod by its dashed address, and for
an ExternalName its target. Records of other types are in `dns_records`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from resilience.sandbox.dataplane.forwarding_table import is_headless
from resilience.sandbox.dataplane.service_state import State
from resilience.sandbox.kube.api import Obj

DOMAIN = "cluster.local"
NDOTS = 5
_POD = re.compile(r"(\d+)-(\d+)-(\d+)-(\d+)\.[^.]+\.pod")


def lookup(state: State, name: str, namespace: str) -> list[str] | str | None:
    """Addresses of `name` for a Pod of `namespace`; None if the cluster has none.

    A string is another name, outside the cluster: an ExternalName's target.
    """
    for candidate in candidates(name, namespace):
        alias = external(state, candidate)
        if alias is not None:
            inside = alias.endswith("." + DOMAIN)
            return absolute(state, alias.removesuffix("." + DOMAIN)) if inside else alias
        found = absolute(state, candidate)
        if found:
            return found
    return None


def external(state: State, name: str) -> str | None:
    """The target of the ExternalName Service with this name."""
    service = service_at(state, name)
    if service is None or service["spec"].get("type") != "ExternalName":
        return None
    return str(service["spec"]["externalName"]).rstrip(".").lower()


def service_at(state: State, name: str) -> Obj | None:
    """The Service that `name.namespace.svc` names."""
    parts = name.split(".")
    if len(parts) != 3 or parts[2] != "svc":
        return None
    return state.services.get(f"{parts[1]}/{parts[0]}")


def candidates(name: str, namespace: str) -> Iterator[str]:
    """Names below the cluster's domain, in the order of the search list."""
    if name.endswith("." + DOMAIN):
        yield name.removesuffix("." + DOMAIN)
    if name.count(".") < NDOTS:
        yield f"{name}.{namespace}.svc"
        yield f"{name}.svc"
        yield name


def absolute(state: State, name: str) -> list[str] | None:
    """Addresses of a name below the cluster's domain."""
    pod = _POD.fullmatch(name)
    if pod:
        return [".".join(pod.groups())]
    *host, service_name, namespace, kind = name.split(".") if name.count(".") > 1 else ["", "", ""]
    service = state.services.get(f"{namespace}/{service_name}") if kind == "svc" else None
    if service is None or len(host) > 1:
        return None
    if host:
        return _addresses(state, service, host[0])
    if is_headless(service):
        return _addresses(state, service, None)
    address = service["spec"].get("clusterIP")
    return [str(address)] if address else None


def _addresses(state: State, service: Obj, host: str | None) -> list[str]:
    found = []
    for endpoint_slice in state.slices_of(service):
        for endpoint in endpoint_slice.get("endpoints") or []:
            ready = (endpoint.get("conditions") or {}).get("ready")
            for address in endpoint["addresses"] if ready is not False else ():
                own = endpoint.get("hostname") or address.replace(".", "-")
                if host in (None, own):
                    found.append(address)
    return sorted(set(found))
