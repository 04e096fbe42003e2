"""Cluster DNS for Pods: which addresses a name has, with the Pod's search list applied.

Answers as the DNS specification for Kubernetes does: a Service's ClusterIP, the ready endpoints of
a headless one, an endpoint by its hostname, a Pod by its dashed address.
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


def lookup(state: State, name: str, namespace: str) -> list[str] | None:
    """Addresses of `name` as a Pod of `namespace` asks for it; None if the cluster has none."""
    for candidate in _candidates(name, namespace):
        found = _absolute(state, candidate)
        if found:
            return found
    return None


def _candidates(name: str, namespace: str) -> Iterator[str]:
    """Names below the cluster's domain, in the order of the search list."""
    if name.endswith("." + DOMAIN):
        yield name.removesuffix("." + DOMAIN)
    if name.count(".") < NDOTS:
        yield f"{name}.{namespace}.svc"
        yield f"{name}.svc"
        yield name


def _absolute(state: State, name: str) -> list[str] | None:
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
    return [str(service["spec"]["clusterIP"])]


def _addresses(state: State, service: Obj, host: str | None) -> list[str]:
    found = []
    for endpoint_slice in state.slices_of(service):
        for endpoint in endpoint_slice.get("endpoints") or []:
            ready = (endpoint.get("conditions") or {}).get("ready")
            if ready is not False and host in (None, endpoint.get("hostname")):
                found += endpoint["addresses"]
    return sorted(set(found))
