"""Whether the restored workloads run: the same check as `ready: all`, based on lists instead of
watches."""

from __future__ import annotations

from collections.abc import Iterator

from resilience.cluster.errors import NotFound
from resilience.cluster.interface import JOBS, PODS, Cluster, Object, Resource
from resilience.cluster.survey import WORKLOADS, survey
from resilience.kube import objects


def not_ready(cluster: Cluster, namespace: str) -> list[str]:
    """One line for each workload and each other Pod that is not ready, [] when all are."""
    workloads = [obj for resource in WORKLOADS for obj in _listed(cluster, resource, namespace)]
    found = survey(workloads, cluster.list(PODS, namespace))
    return [
        *(f"{each.workload['kind']} {objects.name(each.workload)}: {each.shortfall.text}"
          for each in found.short),
        *(f"Pod {objects.name(pod)}: not ready" for pod in found.unready),
    ]  # fmt: skip


def workloads(cluster: Cluster, namespace: str) -> int:
    """The number of objects that run Pods, including bare Pods and Jobs."""
    return sum(
        (each.get("spec") or {}).get("replicas", 1) != 0
        for resource in (*WORKLOADS, JOBS, PODS)
        for each in _listed(cluster, resource, namespace)
        if not objects.is_ours(each)
    )


def _listed(cluster: Cluster, resource: Resource, namespace: str) -> Iterator[Object]:
    try:
        yield from cluster.list(resource, namespace)
    except NotFound:  # a cluster without that kind has nothing to wait for
        return
