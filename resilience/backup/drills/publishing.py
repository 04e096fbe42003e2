"""Removes public names from a restored copy: one rule each. Pure.

Two Ingresses with one host fight for its traffic, external-dns points a name at the newest object
that claims it, a GitOps controller deletes what it did not create. Hosts get the suffix
`.drill.invalid` (RFC 2606: it never resolves); the class of an object is replaced by one that no
controller serves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from resilience.backup.objects.json_pointer import escaped
from resilience.backup.objects.kind_identity import identity
from resilience.cluster.interface import Object

SUFFIX = ".drill.invalid"
_LONGEST = 253
NO_CLASS = "resilience-drill"
"""An IngressClass or GatewayClass that no controller serves."""

_HARMLESS_ANNOTATIONS = ("kubectl.kubernetes.io/", "meta.helm.sh/", "resilience/", "prometheus.io/")
_PUBLISHED = frozenset({"Service", "Ingress.networking.k8s.io"})
_TRACKED = re.compile(
    r"([a-z0-9.-]+\.)?(argoproj\.io|fluxcd\.io|weave\.works|cattle\.io|k14s\.io|configsync\.gke\.io"
    r"|applyset\.kubernetes\.io|addonmanager\.kubernetes\.io|config\.k8s\.io|crossplane\.io"
    r"|operators\.coreos\.com)/.*|app\.kubernetes\.io/instance"
)
_ROUTES = tuple(
    f"{kind}.gateway.networking.k8s.io" for kind in ("HTTPRoute", "GRPCRoute", "TLSRoute")
)
_TRAEFIK = ("IngressRoute.traefik.io", "IngressRoute.traefik.containo.us")
_LOAD_BALANCER = (
    "externalTrafficPolicy",
    "healthCheckNodePort",
    "loadBalancerIP",
    "loadBalancerClass",
    "loadBalancerSourceRanges",
    "allocateLoadBalancerNodePorts",
)


def _spec(obj: Object) -> dict[str, Any]:
    spec = obj.get("spec")
    return spec if isinstance(spec, dict) else {}


def inside_only(obj: Object) -> Iterator[str]:
    """A LoadBalancer would be provisioned and paid for. A node port or external address opens a
    port on every node, and a chosen one belongs to the original."""
    spec = _spec(obj)
    if identity(obj) != "Service":
        return
    if spec.get("type") in ("LoadBalancer", "NodePort"):
        spec["type"] = "ClusterIP"
        yield "/spec/type"
        for field in _LOAD_BALANCER:
            spec.pop(field, None)
            yield f"/spec/{field}"
    if spec.pop("externalIPs", None):
        yield "/spec/externalIPs"
    if spec.get("clusterIP", "None") != "None":
        for field in ("clusterIP", "clusterIPs"):
            spec.pop(field, None)
            yield f"/spec/{field}"
    for number, port in enumerate(spec.get("ports") or ()):
        if port.pop("nodePort", None):
            yield f"/spec/ports/{number}/nodePort"


_LEAVING = re.compile(
    r"(k8s\.v1\.cni\.cncf\.io|v1\.multus-cni\.io|cni\.projectcalico\.org"
    r"|reflector\.v1\.k8s\.emberstack\.com|replicator\.v1\.mittwald\.de|kubed\.appscode\.com)/.*"
)
"""Annotations that lead out of the copy: another network of a Pod, to which no NetworkPolicy
applies, the original's own address, and copies of a Secret or ConfigMap in other namespaces."""


def staying(obj: Object) -> Iterator[str]:
    """A Pod stays on the network that has the wall, and nothing is copied over the original's."""
    for pointer, metadata in all_metadata(obj, ""):
        annotations = metadata.get("annotations") or {}
        for name in sorted(annotations):
            if _LEAVING.fullmatch(name):
                del annotations[name]
                yield f"{pointer}/metadata/annotations/{escaped(name)}"


def unannounced(obj: Object) -> Iterator[str]:
    """Annotations of DNS controllers are removed from all objects, and nearly all annotations from
    published objects."""
    for pointer, metadata in all_metadata(obj, ""):
        annotations = metadata.get("annotations") or {}
        for name in sorted(annotations):
            domain = name.rpartition("/")[0]
            if "dns" in domain or (
                not pointer
                and identity(obj) in _PUBLISHED
                and not name.startswith(_HARMLESS_ANNOTATIONS)
                and domain
            ):
                del annotations[name]
                yield f"{pointer}/metadata/annotations/{escaped(name)}"


def all_metadata(value: Any, pointer: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The metadata of the object and of every template inside it."""
    if isinstance(value, dict):
        if isinstance(value.get("metadata"), dict):
            yield pointer, value["metadata"]
        for key, inner in value.items():
            if key != "metadata":
                yield from all_metadata(inner, f"{pointer}/{escaped(str(key))}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from all_metadata(inner, f"{pointer}/{number}")


_COLLECTED = re.compile(
    r"mirror\.linkerd\.io/exported|istio\.io/global|solo\.io/service-scope"
    r"|grafana_(dashboard|datasource|alert|notifier|plugin)s?"
)
"""Labels by which a program elsewhere takes an object: a mesh that publishes a Service in other
clusters, Grafana's sidecar, which writes the ConfigMaps of all namespaces into one folder."""


def uncollected(obj: Object) -> Iterator[str]:
    """What a copy's labels publish stands for the original's, and goes with the copy."""
    labels = obj["metadata"].get("labels") or {}
    for name in sorted(labels):
        if _COLLECTED.fullmatch(name):
            del labels[name]
            yield f"/metadata/labels/{escaped(name)}"


def untracked(obj: Object) -> Iterator[str]:
    """A GitOps controller that finds its label on a copy deletes the copy, or fights for it. A
    Pod keeps the recommended label `instance`, which Services select."""
    for part in ("labels", "annotations"):
        held = obj["metadata"].get(part) or {}
        for name in sorted(held):
            kept = identity(obj) == "Pod" and name == "app.kubernetes.io/instance"
            if _TRACKED.fullmatch(name) and not kept:
                del held[name]
                yield f"/metadata/{part}/{escaped(name)}"


def unserved(obj: Object) -> Iterator[str]:
    """No controller serves an Ingress or Gateway of a class without an implementation: so neither a
    default backend, nor a rule without a host, nor an alias receives foreign traffic."""
    field = {
        "Ingress.networking.k8s.io": "ingressClassName",
        "Gateway.gateway.networking.k8s.io": "gatewayClassName",
    }.get(identity(obj))
    if field:
        _spec(obj)[field] = NO_CLASS
        yield f"/spec/{field}"
    if identity(obj) == "Gateway.gateway.networking.k8s.io" and _spec(obj).pop("addresses", None):
        yield "/spec/addresses"


def _away(name: str) -> str:
    """No name in DNS is longer than 253 characters."""
    return f"{name}{SUFFIX}" if len(name + SUFFIX) <= _LONGEST else f"any{SUFFIX}"


_HOSTS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "Service": (("externalName",),),
    "Ingress.networking.k8s.io": (("rules", "*", "host"), ("tls", "*", "hosts", "*")),
    "Gateway.gateway.networking.k8s.io": (("listeners", "*", "hostname"),),
    **{kind: (("hostnames", "*"),) for kind in _ROUTES},
    "Route.route.openshift.io": (("host",),),
    "HTTPProxy.projectcontour.io": (("virtualhost", "fqdn"),),
    "DNSEndpoint.externaldns.k8s.io": (("endpoints", "*", "dnsName"),),
    "Certificate.cert-manager.io": (("dnsNames", "*"), ("commonName",)),
}
"""Where each kind keeps its public names, below `spec`."""

KNOWN = frozenset(_HOSTS) | frozenset(_TRAEFIK)
"""Kinds whose names the rules here remove; custom resources among them may be restored."""


def other_hosts(obj: Object) -> Iterator[str]:
    """Replace the original's hosts by hosts that never resolve."""
    kind, spec = identity(obj), _spec(obj)
    for path in _HOSTS.get(kind, ()):
        yield from _replaced(spec, path, "/spec")
    if kind in _ROUTES and not spec.get("hostnames"):
        spec["hostnames"] = [f"any{SUFFIX}"]
        yield "/spec/hostnames"
    if kind == "Route.route.openshift.io" and not spec.get("host"):
        spec["host"] = f"{obj['metadata']['name']}{SUFFIX}"
        yield "/spec/host"
    if kind in _TRAEFIK:
        for number, route in enumerate(spec.get("routes") or ()):
            route["match"] = f"Host(`any{SUFFIX}`) && ({route.get('match', '')})"
            yield f"/spec/routes/{number}/match"


def _replaced(value: Any, path: tuple[str, ...], pointer: str) -> Iterator[str]:
    """The non-empty strings of a value; only those are names."""
    step, rest = path[0], path[1:]
    if step == "*":
        places: list[Any] = list(range(len(value))) if isinstance(value, list) else []
    else:
        places = [step] if isinstance(value, dict) and step in value else []
    for place in places:
        if rest:
            yield from _replaced(value[place], rest, f"{pointer}/{place}")
        elif isinstance(value[place], str) and value[place]:
            value[place] = _away(value[place])
            yield f"{pointer}/{place}"


RULES: Mapping[str, Callable[[Object], Iterator[str]]] = {
    "inside only": inside_only,
    "staying": staying,
    "unannounced": unannounced,
    "untracked": untracked,
    "uncollected": uncollected,
    "served by no controller": unserved,
    "other hosts": other_hosts,
}
