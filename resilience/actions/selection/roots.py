"""The workload at the root of each Pod's owners: the Deployment, not its ReplicaSet.

ReplicaSets (and Jobs) are listed once for each namespace in which a Pod has such an owner; an owner
that cannot be read counts as the root.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from resilience.cluster.interface import JOBS, REPLICASETS, Cluster, Object
from resilience.kube import objects

_BETWEEN = {"ReplicaSet": REPLICASETS, "Job": JOBS}
"""Kinds that may themselves be owned by another workload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """One workload; `group` and `kind` as its Pods' owner reference says."""

    namespace: str
    group: str
    kind: str
    name: str
    uid: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.kind.lower()}/{self.name}"


def of(pods: Iterable[Object], cluster: Cluster) -> Mapping[str, Root]:
    """The root owner of each Pod, by the Pod's uid; bare Pods have none."""
    owned = [(pod, owner) for pod in pods if (owner := objects.controller(pod))]
    wanted = {(objects.namespace(pod), str(owner["kind"])) for pod, owner in owned}
    between = {
        objects.uid(obj): obj
        for namespace, kind in sorted(wanted) if kind in _BETWEEN
        for obj in cluster.list(_BETWEEN[kind], namespace)
    }  # fmt: skip
    return {objects.uid(pod): _root(pod, owner, between) for pod, owner in owned}


def _root(pod: Object, owner: Mapping[str, Any], between: Mapping[str, Object]) -> Root:
    middle = between.get(str(owner["uid"]))
    top = (objects.controller(middle) if middle else None) or owner
    return Root(
        namespace=objects.namespace(pod),
        group=str(top.get("apiVersion", "")).rpartition("/")[0],
        kind=str(top["kind"]),
        name=str(top["name"]),
        uid=str(top["uid"]),
    )
