"""Does what was restored run? Asked of the controllers' own status. Pure but for the lists."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.cluster.errors import NotFound
from resilience.cluster.interface import (
    DAEMONSETS,
    DEPLOYMENTS,
    STATEFULSETS,
    Cluster,
    Object,
)


def not_ready(cluster: Cluster, namespace: str) -> list[str]:
    """One line for each workload whose Pods are not all ready, [] when all are."""
    found = []
    for resource in (DEPLOYMENTS, STATEFULSETS, DAEMONSETS):
        try:
            objects = cluster.list(resource, namespace)
        except NotFound:  # a cluster without that kind has nothing to wait for
            continue
        for obj in objects:
            found += [f"{resource.kind} {obj['metadata']['name']}: {why}" for why in _why(obj)]
    return found


def _why(obj: Object) -> Iterator[str]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    if status.get("observedGeneration", 0) < obj["metadata"].get("generation", 0):
        yield "its controller has not seen it yet"
        return
    wanted = spec.get("replicas", 1)
    ready = status.get("readyReplicas", 0)
    if "desiredNumberScheduled" in status:
        wanted, ready = status["desiredNumberScheduled"], status.get("numberReady", 0)
    if ready < wanted:
        yield f"{ready} of {wanted} ready"
