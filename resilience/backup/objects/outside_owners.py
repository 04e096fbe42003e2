"""Owners that a snapshot does not hold: kept if they exist on the target, dropped if not.

An owner reference to a uid that does not exist makes the garbage collector delete the dependent
object; a reference to a living owner is part of the object. The cluster is queried once for each
owner.
"""

from __future__ import annotations

from typing import Any

from resilience.cluster.errors import ClusterError
from resilience.cluster.interface import Cluster


class OutsideOwners:
    """Not thread-safe."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._known: dict[str, bool] = {}

    def lives(self, owner: dict[str, Any], namespace: str) -> bool:
        """Whether the owner exists with the uid of the reference; `namespace` is where a namespaced
        owner would be."""
        uid = str(owner.get("uid", ""))
        if uid not in self._known:
            self._known[uid] = self._ask(owner, namespace) == uid
        return self._known[uid]

    def _ask(self, owner: dict[str, Any], namespace: str) -> str:
        try:
            resource = self._cluster.resource(str(owner["apiVersion"]), str(owner["kind"]))
            where = namespace if resource.namespaced else ""
            return str(self._cluster.get(resource, str(owner["name"]), where)["metadata"]["uid"])
        except (
            ClusterError,
            KeyError,
        ):  # the kind is not served, or the owner is missing or unreadable
            return ""
