"""Objects that act outside of their own namespace: which ones, read from their body.

A fault of Chaos Mesh or Litmus is an object in one namespace that may name Pods of others, nodes,
machines of a cloud, or another cluster; `installers` has the objects of deployment tools. Kinds
whose manifests do not show where they act cannot be known. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from resilience.cluster.permit.copiers import copied_into
from resilience.cluster.permit.installers import INSTALLERS, REMOTE

MACHINES = "(machines outside of the cluster: {})"
NODES = "(nodes or machines: {})"
ALL = "(all namespaces: an empty name)"
UNREADABLE = "(unknown: a JSON patch of a fault)"
"""These and REMOTE represent what no namespace of this cluster names; they are never covered."""

_CLOUDS = ("awschaos", "gcpchaos", "azurechaos", "physicalmachinechaos")
"""Kinds of Chaos Mesh, and in lower case the keys of their specs in a Workflow or a Schedule."""

_OF_PODS = ("pod-", "container-", "disk-fill")
"""Beginnings of the names of Litmus experiments that act on Pods only."""


def elsewhere(body: Any, group: str | None = None) -> frozenset[str]:
    """Places other than its own namespace in which a fault acts. A patch need not say its group:
    `group` is that of its path."""
    found = _FAULTS.get(_group(body) if group is None else group)
    if found is None or body is None:
        return frozenset()
    return frozenset(found(body)) - {""} if isinstance(body, Mapping) else frozenset({UNREADABLE})


def installs_into(body: Any, group: str | None = None) -> frozenset[str]:
    """Where a controller installs what the object names, changes the traffic, or copies it to."""
    if not isinstance(body, Mapping):
        return frozenset()
    found = INSTALLERS.get(_group(body) if group is None else group)
    return copied_into(body) | (found(body) if found else frozenset())


def _group(body: Any) -> str:
    version = body.get("apiVersion") if isinstance(body, Mapping) else ""
    return str(version or "").rpartition("/")[0]


def _chaos_mesh(body: Mapping[str, Any]) -> Iterator[str]:
    if str(body.get("kind", "")).lower() in _CLOUDS:
        yield MACHINES.format(body["kind"])
    yield from _named(body.get("spec"))


def _named(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _named(each)
    if not isinstance(value, Mapping):
        return
    for key, inner in value.items():
        if key == "remoteCluster" and inner:
            yield REMOTE
        elif str(key).lower() in _CLOUDS and inner:
            yield MACHINES.format(key)
        elif (key == "namespaces" and isinstance(inner, list)) or (
            key == "pods" and isinstance(inner, Mapping)
        ):
            yield from (str(each) if each else ALL for each in inner)
        else:
            yield from _named(inner)


def _litmus(body: Mapping[str, Any]) -> Iterator[str]:
    for experiment in _at(body, ("spec", "experiments")) or ():
        name = str(_at(experiment, ("name",)) or "")
        if not name.startswith(_OF_PODS):
            yield NODES.format(name or "an experiment without a name")
    yield from _namespaces(body.get("spec"))


def _namespaces(value: Any) -> Iterator[str]:
    """Every key that names a namespace, and every variable whose name does."""
    if isinstance(value, list):
        for each in value:
            yield from _namespaces(each)
    if not isinstance(value, Mapping):
        return
    variable = str(value.get("name", "")).upper()
    if variable.endswith(("NAMESPACE", "APP_NS", "APPNS")) and "value" in value:
        yield str(value["value"])
    for key, inner in value.items():
        if key in ("appns", "namespace") and inner:
            yield str(inner)
        else:
            yield from _namespaces(inner)


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


_FAULTS: Mapping[str, Callable[[Mapping[str, Any]], Iterator[str]]] = {
    "chaos-mesh.org": _chaos_mesh,
    "litmuschaos.io": _litmus,
}
