"""Scratch namespaces of drills that were killed, for `resilience recover`.

They are recognized by their label. First consent and the lock of the namespace are obtained, then
the drill's Lease shows whether it is alive. Nothing else is deleted.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from resilience.backup.drills import scratch
from resilience.backup.format.backup_clock import SystemClock
from resilience.backup.format.errors import RestoreRefused
from resilience.backup.plans.helper_leftovers import Swept
from resilience.cluster.errors import ClusterError, NotFound
from resilience.cluster.interface import NAMESPACES, Cluster
from resilience.kube import objects


def sweep(
    cluster: Cluster,
    admitted: Callable[[str], AbstractContextManager[Cluster]],
    refusals: tuple[type[Exception], ...],
    swept: Swept,
) -> None:
    """Delete the scratch namespaces of dead drills; `swept` gets a line for each. If namespaces may
    not be listed, nothing is searched. `admitted` as for `helper_leftovers.sweep`."""
    left: tuple[type[Exception], ...] = (*refusals, ClusterError, RestoreRefused)
    try:
        found = sorted(
            objects.name(each) for each in cluster.list(NAMESPACES, labels=scratch.OWNER)
        )
    except ClusterError:
        return
    for name in found:
        try:
            with admitted(name) as acting:
                scratch.cleared(
                    acting,
                    name,
                    "resilience recover",
                    clock=SystemClock(),
                    leave=swept.kept.append,
                )
            swept.removed.append(f"scratch namespace {name} of a killed drill: removed")
        except left as problem:
            if _is_gone(cluster, name):
                swept.removed.append(f"scratch namespace {name} of a killed drill: gone")
            else:
                swept.kept.append(f"scratch namespace {name} was left: {problem}")


def _is_gone(cluster: Cluster, name: str) -> bool:
    """Whether it ended meanwhile: someone else deleted it, or its deletion went on by itself."""
    try:
        cluster.get(NAMESPACES, name)
    except NotFound:
        return True
    except ClusterError:  # not known to be gone
        return False
    return False
