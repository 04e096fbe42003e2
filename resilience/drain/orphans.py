"""Which Pods name a DaemonSet that does not exist.

`kubectl drain` leaves the Pods of a DaemonSet alone, since it would recreate them on the node at
once; it refuses those whose DaemonSet is gone unless forced. Pods of other controllers are evicted
whether or not their controller exists, as by kubectl: nobody has to wait for them on this node.
"""

from __future__ import annotations

from collections.abc import Iterable

from resilience.cluster.errors import NotFound
from resilience.cluster.interface import DAEMONSETS, Cluster, Object
from resilience.drain.filters import daemonset_of
from resilience.kube import objects


def orphans(cluster: Cluster, pods: Iterable[Object]) -> frozenset[str]:
    """Their uids. Each DaemonSet is read once, by name, as kubectl does: one that was made
    again under its name runs a Pod on the node."""
    named = dict[tuple[str, str], list[str]]()
    for pod in pods:
        if name := daemonset_of(pod):
            named.setdefault((objects.namespace(pod), name), []).append(objects.uid(pod))
    return frozenset(
        uid for place, uids in sorted(named.items()) if not _exists(cluster, *place) for uid in uids
    )


def _exists(cluster: Cluster, namespace: str, name: str) -> bool:
    try:
        cluster.get(DAEMONSETS, name, namespace)
    except NotFound:
        return False
    return True
