"""Pods of a workload that the run created, and deletes now, get a short grace period.

Kubernetes deletes them with their own grace period, which is meant for Pods that people use; nobody
uses these any more. Only Pods that are being deleted already, and that belong to the very object,
get the shorter period (a second DELETE may shorten it: k8s.io/apiserver,
`registry/rest/delete.go`).
One that mounts a claim keeps its own period, because its data may outlive it. Pods that may not be
read or deleted end by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator

from resilience.cluster.errors import ClusterError
from resilience.cluster.interface import PODS, REPLICASETS, Cluster, Object, Resource
from resilience.kube import objects

GRACE = 1
"""Seconds. A kubelet gives every container at least two (`minimumGracePeriodInSeconds` in
k8s.io/kubernetes/pkg/kubelet/kuberuntime)."""

OWNERS = frozenset({"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job"})
"""Kinds whose Pods are looked for."""


def hasten(cluster: Cluster, resource: Resource, obj: Object) -> None:
    """Shorten the grace period of its Pods that have a longer one."""
    if resource.kind not in OWNERS:
        return
    try:
        for pod in _slow(cluster, resource, obj):
            cluster.delete(
                PODS, objects.name(pod), objects.namespace(pod), uid=objects.uid(pod), grace=GRACE
            )
    except ClusterError:
        return


def _slow(cluster: Cluster, resource: Resource, obj: Object) -> Iterator[Object]:
    namespace = objects.namespace(obj)
    owners = {objects.uid(obj)}
    if resource.kind == "Deployment":
        owners |= {
            objects.uid(each)
            for each in cluster.list(REPLICASETS, namespace)
            if objects.controller_uid(each) in owners
        }
    for pod in cluster.list(PODS, namespace):
        left = objects.metadata(pod).get("deletionGracePeriodSeconds") or 0
        ours = objects.controller_uid(pod) in owners
        if ours and objects.is_terminating(pod) and left > GRACE and not _mounts_a_claim(pod):
            yield pod


def _mounts_a_claim(pod: Object) -> bool:
    volumes = (pod.get("spec") or {}).get("volumes") or ()
    return any("persistentVolumeClaim" in each for each in volumes)
