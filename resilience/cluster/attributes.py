"""A request in RBAC's terms: verb, group, resource, namespace, name.

The API server derives them from method, path and query (apiserver's `request.RequestInfoFactory`);
this is the same derivation, so that the permissions a verb declares can be compared with the
requests it sends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_ONE = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "POST": "create"}
_NAMESPACE_PARTS = frozenset({"status", "finalize"})


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Attributes:
    """`resource` includes the subresource, as in rules: "pods/eviction". A cluster-scoped
    request has `namespace` "", except for a single Namespace, which counts as inside itself."""

    verb: str
    group: str
    resource: str
    namespace: str = ""
    name: str = ""


def attributes(method: str, path: str, query: Mapping[str, str] | None = None) -> Attributes | None:
    """None for anything that is not a resource: discovery, /version, /healthz."""
    parts = [part for part in path.partition("?")[0].split("/") if part]
    group, parts = _group(parts)
    if not parts:
        return None
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > 1:
        namespace = parts[1]
        if len(parts) > 2 and parts[2] not in _NAMESPACE_PARTS:
            parts = parts[2:]
    resource, name, rest = parts[0], "".join(parts[1:2]), parts[2:3]
    return Attributes(
        verb=_verb(method, name, query or {}),
        group=group,
        resource="/".join([resource, *rest]),
        namespace=namespace,
        name=name,
    )


def _group(parts: list[str]) -> tuple[str, list[str]]:
    if parts[:1] == ["api"]:
        return "", parts[2:]
    if parts[:1] == ["apis"]:
        return "".join(parts[1:2]), parts[3:]
    return "", []


def _verb(method: str, name: str, query: Mapping[str, str]) -> str:
    if method == "GET" and not name:
        return "watch" if query.get("watch") in ("1", "true") else "list"
    if method == "DELETE" and not name:
        return "deletecollection"
    return _ONE.get(method, method.lower())
