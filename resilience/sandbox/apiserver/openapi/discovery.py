"""Discovery: which groups, versions and resources exist, plain and aggregated.

Sources: k8s.io/apiserver/pkg/endpoints/discovery, and the aggregated form of
apidiscovery.k8s.io/v2 (and v2beta1), which kubectl asks for first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from resilience.sandbox.apiserver.kinds.served_kinds import Kinds
from resilience.sandbox.kube.version_order import priority
from resilience.sandbox.schema.facts import Kind

_ALL = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_NO_COLLECTION = ["create", "delete", "get", "list", "patch", "update", "watch"]
_ANSWERED = {
    "scale": (["get", "patch", "update"], "autoscaling", "v1", "Scale"),
    "binding": (["create"], "", "v1", "Binding"),
    "eviction": (["create"], "policy", "v1", "Eviction"),
    "exec": (["create", "get"], "", "v1", "PodExecOptions"),
    "attach": (["create", "get"], "", "v1", "PodAttachOptions"),
    "portforward": (["create", "get"], "", "v1", "PodPortForwardOptions"),
    "log": (["get"], "", "", ""),
    "token": (["create"], "authentication.k8s.io", "v1", "TokenRequest"),
    "finalize": (["update"], "", "", ""),
    "ephemeralcontainers": (["get", "patch", "update"], "", "", ""),
    "resize": (["get", "patch", "update"], "", "", ""),
}
_PROXIES = {"pods": "PodProxyOptions", "services": "ServiceProxyOptions"}
_PROXY_VERBS = ["create", "delete", "get", "patch", "update"]
_UNSERVED = frozenset({("nodes", "proxy")})
_PREFERRED_FIRST = (
    "apiregistration.k8s.io",
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
)


def verbs(kind: Kind) -> list[str]:
    """The verbs of a resource itself."""
    if not kind.stored:
        return ["create"]
    if (kind.resource.group, kind.resource.plural) in (("", "namespaces"), ("", "services")):
        return list(_ALL if kind.resource.plural == "services" else _NO_COLLECTION)
    return list(_ALL)


def subresources(kind: Kind) -> list[str]:
    """The subresources that this server serves."""
    plural = kind.resource.plural
    return sorted(name for name in kind.subresources if (plural, name) not in _UNSERVED)


def _known(kind: Kind, name: str) -> tuple[list[str], str, str, str]:
    """Verbs of a subresource, and group, version and kind of its answers."""
    if name == "proxy":
        return _PROXY_VERBS, "", "v1", _PROXIES[kind.resource.plural]
    return _ANSWERED.get(name, (["get", "patch", "update"], "", "", ""))


def resource_list(kinds: Kinds, group: str, version: str) -> dict[str, Any] | None:
    """An APIResourceList, None for a group and version that are not served."""
    entries = []
    for kind in kinds.all():
        resource = kind.resource
        if (resource.group, resource.version) != (group, version):
            continue
        entry: dict[str, Any] = {
            "name": resource.plural,
            "singularName": kind.singular,
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": verbs(kind),
        }
        if kind.short:
            entry["shortNames"] = list(kind.short)
        if kind.categories:
            entry["categories"] = list(kind.categories)
        entries.append(entry)
        entries += [_plain_subresource(kind, name) for name in subresources(kind)]
    if not entries:
        return None
    text = f"{group}/{version}" if group else version
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": text,
        "resources": entries,
    }


def _plain_subresource(kind: Kind, name: str) -> dict[str, Any]:
    resource = kind.resource
    known = _known(kind, name)
    entry: dict[str, Any] = {
        "name": f"{resource.plural}/{name}",
        "singularName": "",
        "namespaced": resource.namespaced,
        "kind": known[3] or resource.kind,
        "verbs": list(known[0]),
    }
    if known[2] and (known[1], known[2]) != (resource.group, resource.version):
        entry["group"], entry["version"] = known[1], known[2]
    return entry


def groups(kinds: Kinds) -> dict[str, list[str]]:
    """Named groups with their versions, the preferred first."""
    found: dict[str, list[str]] = {}
    for kind in kinds.all():
        resource = kind.resource
        versions = found.setdefault(resource.group, [])
        if resource.version not in versions:
            versions.append(resource.version)
            versions.sort(key=priority)
    found.pop("", None)

    def order(name: str) -> tuple[int, str]:
        known = name in _PREFERRED_FIRST
        return (_PREFERRED_FIRST.index(name) if known else len(_PREFERRED_FIRST), name)

    return {name: found[name] for name in sorted(found, key=order)}


def group(name: str, versions: Sequence[str]) -> dict[str, Any]:
    """An APIGroup without its own kind."""
    entries = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": entries, "preferredVersion": entries[0]}


def group_list(kinds: Kinds, others: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """APIGroupList, the plain answer to /apis; `others` are the groups of other servers."""
    every = {**groups(kinds), **others}
    return {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [group(name, versions) for name, versions in every.items()],
    }


def of_another(name: str, served: Mapping[str, list[Any] | None]) -> dict[str, Any]:
    """A group of aggregated discovery: versions with what their server reports, None if nothing."""
    return {
        "metadata": {"name": name, "creationTimestamp": None},
        "versions": [
            {
                "version": version,
                "freshness": "Stale" if resources is None else "Current",
                "resources": resources or [],
            }
            for version, resources in served.items()
        ],
    }


def versions(address: str) -> dict[str, Any]:
    """APIVersions, the plain answer to /api."""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }


def aggregated(kinds: Kinds, version: str, *, core: bool) -> dict[str, Any]:
    """APIGroupDiscoveryList of the core group or of all others; `version` v2 or v2beta1."""
    named = {"": ["v1"]} if core else groups(kinds)
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{version}",
        "metadata": {},
        "items": [
            {
                "metadata": {"name": name, "creationTimestamp": None}
                if name
                else {"creationTimestamp": None},
                "versions": [
                    {
                        "version": served,
                        "freshness": "Current",
                        "resources": _aggregated_resources(kinds, name, served),
                    }
                    for served in served_versions
                ],
            }
            for name, served_versions in named.items()
        ],
    }


def _aggregated_resources(kinds: Kinds, group_: str, version: str) -> list[dict[str, Any]]:
    out = []
    for kind in kinds.all():
        resource = kind.resource
        if (resource.group, resource.version) != (group_, version):
            continue
        entry: dict[str, Any] = {
            "resource": resource.plural,
            "responseKind": {"group": group_, "version": version, "kind": resource.kind},
            "scope": "Namespaced" if resource.namespaced else "Cluster",
            "singularResource": kind.singular,
            "verbs": verbs(kind),
        }
        if kind.short:
            entry["shortNames"] = list(kind.short)
        if kind.categories:
            entry["categories"] = list(kind.categories)
        inner = [_aggregated_subresource(kind, name) for name in subresources(kind)]
        if inner:
            entry["subresources"] = inner
        out.append(entry)
    return out


def _aggregated_subresource(kind: Kind, name: str) -> dict[str, Any]:
    resource = kind.resource
    known = _known(kind, name)
    answer = (
        {"group": known[1], "version": known[2], "kind": known[3]}
        if known[2]
        else {"group": resource.group, "version": resource.version, "kind": resource.kind}
    )
    return {"subresource": name, "responseKind": answer, "verbs": list(known[0])}
