"""The identity of a cluster, independent of the context's name: the uid of its namespace
kube-system."""

from __future__ import annotations

from resilience.cluster.interface import NAMESPACES, Cluster
from resilience.kube import objects


def identity(cluster: Cluster) -> str:
    """One GET."""
    return objects.uid(cluster.get(NAMESPACES, "kube-system"))
