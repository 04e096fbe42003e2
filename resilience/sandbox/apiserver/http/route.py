"""From a URL path to what it names: a resource, one object, a subresource.

Only syntax: whether the resource is served is the caller's question. Paths come decoded.
"""

from __future__ import annotations

from dataclasses import dataclass

_OF_NAMESPACE = frozenset({"status", "finalize"})


@dataclass(frozen=True, slots=True)
class Route:
    """`namespace` is "" for cluster scope and for lists over all namespaces; `rest` follows a
    subresource (the path after `proxy`)."""

    group: str
    version: str
    plural: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    rest: str = ""


def parse(path: str) -> Route | None:
    """None for paths that name no resource: discovery, health, garbage."""
    parts = [part for part in path.split("/") if part]
    if not parts:
        return None
    if parts[0] == "api" and len(parts) > 2:
        return _resource("", parts[1], parts[2:])
    if parts[0] == "apis" and len(parts) > 3:
        return _resource(parts[1], parts[2], parts[3:])
    return None


def _resource(group: str, version: str, parts: list[str]) -> Route:
    namespace = ""
    if (
        parts[0] == "namespaces"
        and len(parts) > 2
        and not (group == "" and len(parts) == 3 and parts[2] in _OF_NAMESPACE)
    ):
        namespace, parts = parts[1], parts[2:]
    padded = parts + [""] * 3
    return Route(group, version, padded[0], namespace, padded[1], padded[2], "/".join(parts[3:]))
