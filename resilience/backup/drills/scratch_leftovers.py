"""Scratch namespaces of drills that were killed, for `resilience recover`.

They are known by their label. Consent and the lock of the namespace come first, then the drill's
Lease says whether it lives. Nothing else is deleted.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from resilience.backup.drills import scratch
from resilience.backup.format.backup_clock import SystemClock
from resilience.backup.format.errors import RestoreRefused
from resilience.backup.plans.helper_leftovers import Swept
from resilience.cluster.errors import ClusterError
from resilience.cluster.interface import NAMESPACES, Cluster
from resilience.kube import objects


def sweep(
    cluster: Cluster,
    admitted: Callable[[str], AbstractContextManager[Cluster]],
    refusals: tuple[type[Exception], ...],
    swept: Swept,
) -> None:
    """Delete those whose drill is dead, with a line for each in `swept`. Where namespaces may not
    be listed, nothing is looked for. `admitted` as for `helper_leftovers.sweep`."""
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
                scratch.cleared(acting, name, "resilience recover", clock=SystemClock())
            swept.removed.append(f"scratch namespace {name} of a killed drill: removed")
        except left as problem:
            swept.kept.append(f"scratch namespace {name} was left: {problem}")
