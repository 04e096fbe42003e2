"""Which Ingresses and other routes take the requests for a host, and to which Services. Pure.

A route for exactly this host is preferred to one for `*.example.com`. If several namespaces have
routes for one host, all of them count: which is chosen depends on paths and headers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from resilience.cluster.interface import Object
from resilience.kube import objects

KINDS = frozenset({
    "ingresses.networking.k8s.io",
    "gateways.gateway.networking.k8s.io",
    "httproutes.gateway.networking.k8s.io",
    "grpcroutes.gateway.networking.k8s.io",
    "tlsroutes.gateway.networking.k8s.io",
    "virtualservices.networking.istio.io",
    "routes.route.openshift.io",
    "httpproxies.projectcontour.io",
    "ingressroutes.traefik.io",
})  # fmt: skip
_HOSTS = frozenset({"host", "hosts", "hostname", "hostnames", "fqdn"})
_PLACES = frozenset({"rules", "tls", "virtualhost", "listeners"})
"""Keys of a route's spec below which its hosts are; backends further down have hosts too."""


def for_name(routes: Iterable[Object], name: str) -> Sequence[Object]:
    """Those that take requests for a host; a route without hosts takes any, and is not meant."""
    found = [(each, set(_hosts(each.get("spec") or {}))) for each in routes]
    exact = [each for each, hosts in found if name in hosts]
    if exact:
        return exact
    return [each for each, hosts in found if any(_is_wild(host, name) for host in hosts)]


def at(routes: Iterable[Object], wanted: str) -> Sequence[Object]:
    """Those that take every request that arrives at an address."""
    return [each for each in routes if wanted in _addresses(each)
            and not (set(_hosts(each.get("spec") or {})) - {"*"}
                     and "defaultBackend" not in each["spec"])]  # fmt: skip


def backends(route: Object) -> Iterator[tuple[str, str]]:
    """(Service, namespace) that it leads to."""
    yield from sorted(set(_backends(route.get("spec") or {}, objects.namespace(route))))


def _is_wild(pattern: str, name: str) -> bool:
    return pattern.startswith("*.") and name.endswith(pattern[1:])


def _hosts(spec: Mapping[str, Any]) -> Iterator[str]:
    for key, value in spec.items():
        if key in _HOSTS:
            yield from (str(each).lower().rstrip(".") for each in _several(value) if each)
        elif key in _PLACES:
            for inner in _several(value):
                yield from _hosts(inner)
        elif key == "routes":  # of Traefik: Host(`shop.example.com`) && Path(`/`)
            for inner in _several(value):
                calls = re.findall(r"\bHost(?:SNI)?\(([^)]*)\)", str(inner.get("match", "")))
                yield from (each.lower() for call in calls for each in re.findall(r"[\w.-]+", call))


def _addresses(route: Object) -> set[str]:
    status = route.get("status") or {}
    found = [*((status.get("loadBalancer") or {}).get("ingress") or ()),
             *(status.get("addresses") or ())]  # fmt: skip
    keys = ("ip", "hostname", "value")
    return {str(each[key]).lower() for each in found for key in keys if each.get(key)}


def _backends(value: Any, namespace: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key in ("service", "backendRefs", "services", "to", "alternateBackends"):
                for each in _several(inner):
                    if isinstance(each, Mapping) and each.get("name"):
                        yield str(each["name"]), str(each.get("namespace") or namespace)
            elif key == "destination" and isinstance(inner, Mapping) and inner.get("host"):
                name, _, rest = str(inner["host"]).partition(".")
                yield name, rest.partition(".")[0] or namespace
            yield from _backends(inner, namespace)
    elif isinstance(value, list):
        for each in value:
            yield from _backends(each, namespace)


def _several(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else (value,)
