"""From a Pod to its workload: through the ReplicaSet to the Deployment.

Each owner is read once per run; if it cannot be read, the chain ends with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from resilience.cluster.errors import ClusterError
from resilience.cluster.interface import REPLICASETS, Cluster, Object
from resilience.kube import objects


@dataclass(frozen=True, slots=True)
class Workload:
    """The root of a chain of controllers. A bare Pod has uid ""."""

    uid: str
    title: str


class Owners:
    """Caches its lookups."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._known: dict[str, Workload] = {}

    def workload(self, pod: Object) -> Workload:
        """The Deployment, StatefulSet, DaemonSet, Job ... that controls this Pod."""
        owner = objects.controller(pod)
        if owner is None:
            return Workload("", f"bare Pod {objects.title(pod)}")
        uid = str(owner["uid"])
        if uid not in self._known:
            self._known[uid] = self._find(owner, objects.namespace(pod))
        return self._known[uid]

    def _find(self, owner: Mapping[str, Any], namespace: str) -> Workload:
        itself = _named(owner)
        if owner.get("kind") != "ReplicaSet":
            return itself
        try:
            replicaset = self._cluster.get(REPLICASETS, str(owner["name"]), namespace)
        except ClusterError:
            return itself
        above = objects.controller(replicaset)
        return _named(above) if above and objects.uid(replicaset) == owner["uid"] else itself


def _named(owner: Mapping[str, Any]) -> Workload:
    return Workload(str(owner["uid"]), f"{str(owner['kind']).lower()}/{owner['name']}")
