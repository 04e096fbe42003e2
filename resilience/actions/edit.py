"""Changing a part of an object without losing what others write at the same time.

Lists such as taints are atomic in a merge patch, so the patch carries the version it was made from
and is made anew on a conflict.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from resilience.cluster import objects
from resilience.cluster.errors import Conflict
from resilience.cluster.interface import Cluster, Object, Resource

TRIES = 8


def edit(
    cluster: Cluster,
    resource: Resource,
    name: str,
    namespace: str,
    change: Callable[[Object], dict[str, Any] | None],
) -> Object:
    """Patch with what `change` makes of the object as it is; None means nothing is to be done.
    Returns the object as it is afterwards; Conflict after many tries."""
    for left in reversed(range(TRIES)):
        there = cluster.get(resource, name, namespace)
        patch = change(there)
        if patch is None:
            return there
        version = {"resourceVersion": objects.metadata(there).get("resourceVersion")}
        body = patch | {"metadata": {**patch.get("metadata", {}), **version}}
        try:
            return cluster.patch(resource, name, body, namespace)
        except Conflict:
            if not left:
                raise
    raise AssertionError("unreachable: the last try returns or raises")
