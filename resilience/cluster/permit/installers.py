"""Where the objects of deployment tools, service meshes and the like act, read from their body.

Argo CD, Flux, Fleet, k3s and Crossplane install into namespaces or clusters that their objects
name; Velero restores into them; an anchor of HNC creates one; routes of Istio and listeners of
Cilium change the traffic of Services elsewhere. A template that is filled in later names no
namespace, so nothing covers it. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from resilience.kube.objects import mapping

REMOTE = "(another cluster)"
EVERYWHERE = "(every namespace of a backup: includedNamespaces)"
OUTSIDE = "(outside of namespaces: {})"

_HERE = frozenset({"", "in-cluster", "https://kubernetes.default.svc"})
"""How Argo CD names the cluster that it runs in."""


def _argo(body: Mapping[str, Any]) -> Iterator[Any]:
    """The destination of an Application, and of the templates of an ApplicationSet."""
    for found in _all(body.get("spec"), "destination"):
        yield found.get("namespace")
        if {str(found.get(key) or "") for key in ("server", "name")} - _HERE:
            yield REMOTE


def _flux(body: Mapping[str, Any]) -> Iterator[Any]:
    spec = mapping(body.get("spec"))
    yield from (spec.get(key) for key in ("targetNamespace", "storageNamespace"))
    if spec.get("kubeConfig"):
        yield REMOTE


def _fleet(body: Mapping[str, Any]) -> Iterator[Any]:
    spec = mapping(body.get("spec"))
    keys = ("targetNamespace", "defaultNamespace", "namespace")
    for each in (spec, *_listed(spec.get("targets"))):
        yield from (each.get(key) for key in keys)


def _k3s(body: Mapping[str, Any]) -> Iterator[Any]:
    yield mapping(body.get("spec")).get("targetNamespace")


def _hnc(body: Mapping[str, Any]) -> Iterator[Any]:
    if body.get("kind") == "SubnamespaceAnchor":
        yield mapping(body.get("metadata")).get("name")


def _crossplane(body: Mapping[str, Any]) -> Iterator[Any]:
    for manifest in _all(body.get("spec"), "manifest"):
        where = mapping(manifest.get("metadata")).get("namespace")
        yield where or OUTSIDE.format(manifest.get("kind"))


def _velero(body: Mapping[str, Any]) -> Iterator[Any]:
    spec = mapping(body.get("spec"))
    is_patch = "kind" not in body and "includedNamespaces" in spec
    if body.get("kind") != "Restore" and not is_patch:
        return
    mapped = mapping(spec.get("namespaceMapping"))
    named = spec.get("includedNamespaces")
    for each in named if named and isinstance(named, list) else ["*"]:
        yield EVERYWHERE if "*" in str(each) else mapped.get(each, each)


def _istio(body: Mapping[str, Any]) -> Iterator[Any]:
    """The namespaces of the Services whose traffic it changes for callers everywhere."""
    spec = mapping(body.get("spec"))
    if spec.get("exportTo") == ["."]:
        return
    hosts = spec.get("hosts")
    for host in [spec.get("host"), *(hosts if isinstance(hosts, list) else ())]:
        name, service, _ = str(host or "").partition(".svc")
        if service:
            yield name.rpartition(".")[2]


def _cilium(body: Mapping[str, Any]) -> Iterator[Any]:
    spec = mapping(body.get("spec"))
    for key in ("services", "backendServices"):
        yield from (each.get("namespace") for each in _listed(spec.get(key)))


def _placed(
    places: Callable[[Mapping[str, Any]], Iterator[Any]],
) -> Callable[[Mapping[str, Any]], frozenset[str]]:
    def found(body: Mapping[str, Any]) -> frozenset[str]:
        return frozenset(each for each in places(body) if isinstance(each, str) and each)

    return found


def _all(value: Any, key: str) -> Iterator[Mapping[str, Any]]:
    """Every mapping below that key, at any depth."""
    for each in value if isinstance(value, list) else ():
        yield from _all(each, key)
    for name, inner in mapping(value).items():
        if name == key and isinstance(inner, Mapping):
            yield inner
        yield from _all(inner, key)


def _listed(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


INSTALLERS: Mapping[str, Callable[[Mapping[str, Any]], frozenset[str]]] = {
    "argoproj.io": _placed(_argo),
    "cilium.io": _placed(_cilium),
    "fleet.cattle.io": _placed(_fleet),
    "helm.cattle.io": _placed(_k3s),
    "helm.toolkit.fluxcd.io": _placed(_flux),
    "hnc.x-k8s.io": _placed(_hnc),
    "kubernetes.crossplane.io": _placed(_crossplane),
    "kubernetes.m.crossplane.io": _placed(_crossplane),
    "kustomize.toolkit.fluxcd.io": _placed(_flux),
    "networking.istio.io": _placed(_istio),
    "velero.io": _placed(_velero),
}
"""By API group: the places that an object names."""
