"""Helper Pods of backups and restores that were killed, for `resilience recover`.

They are found by their label, in any namespace. In each, consent and the lock of the namespace come
first: the holder of the lock only meets helpers of dead runs. Nothing else is deleted.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from resilience.backup.data.helper.helper_holder import HOLDER, runs_here
from resilience.backup.data.helper.helper_pod import RUN
from resilience.cluster import helper_pods
from resilience.cluster.errors import ClusterError
from resilience.cluster.interface import PODS, Cluster, Object
from resilience.kube import objects

_LABELS = f"{helper_pods.PURPOSE}=volume"


@dataclass(slots=True)
class Swept:
    """A line for each helper Pod."""

    removed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


def sweep(
    cluster: Cluster,
    admitted: Callable[[str], AbstractContextManager[Cluster]],
    refusals: tuple[type[Exception], ...],
) -> Swept:
    """Remove those whose run is dead. Without permission to list Pods, nothing is searched.
    `admitted` returns the cluster through which a namespace may be changed, under its lock, or
    raises one of `refusals`."""
    swept = Swept()
    left: tuple[type[Exception], ...] = (*refusals, ClusterError)
    try:
        found = cluster.list(PODS, labels=_LABELS)
    except ClusterError:
        return swept
    for namespace in sorted({objects.namespace(pod) for pod in found}):
        try:
            with admitted(namespace) as acting:
                _in_namespace(acting, namespace, swept)
        except left as problem:
            if not _are_gone(cluster, namespace):
                swept.kept.append(f"helper Pods in namespace {namespace} were left: {problem}")
    return swept


def _are_gone(cluster: Cluster, namespace: str) -> bool:
    """Whether they ended meanwhile, by themselves or with their namespace."""
    try:
        return not cluster.list(PODS, namespace, labels=_LABELS)
    except ClusterError:  # not known to be gone
        return False


def _in_namespace(cluster: Cluster, namespace: str, swept: Swept) -> None:
    for pod in cluster.list(PODS, namespace, labels=_LABELS):
        if runs_here(objects.annotation(pod, HOLDER)):
            swept.kept.append(f"{_named(pod)} was left: its run is working on this host")
        else:
            helper_pods.remove(cluster, pod)
            swept.removed.append(f"{_named(pod)}: removed")


def _named(pod: Object) -> str:
    return f"helper Pod {objects.title(pod)} of {objects.annotation(pod, RUN) or 'a killed run'}"
