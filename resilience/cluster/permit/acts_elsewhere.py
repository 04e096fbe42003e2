"""Objects that act in namespaces other than their own: which ones, read from their body.

A fault of Chaos Mesh is an object in one namespace whose selector may name Pods of others, or
another cluster. Kinds whose manifests do not show where they act cannot be known. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

CHAOS_MESH = "chaos-mesh.org/"
REMOTE = "(another cluster: remoteCluster)"
"""Represents what no namespace of this cluster names; never covered."""


def elsewhere(body: Any) -> frozenset[str]:
    """Namespaces other than its own in which such an object acts."""
    if not isinstance(body, Mapping) or not str(body.get("apiVersion", "")).startswith(CHAOS_MESH):
        return frozenset()
    return frozenset(_named(body.get("spec")))


def _named(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _named(each)
    if not isinstance(value, Mapping):
        return
    for key, inner in value.items():
        if key == "remoteCluster" and inner:
            yield REMOTE
        elif (key == "namespaces" and isinstance(inner, list)) or (
            key == "pods" and isinstance(inner, Mapping)
        ):
            yield from map(str, inner)
        else:
            yield from _named(inner)
