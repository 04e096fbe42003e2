"""Finds out what a snapshot would take, without writing anything.

Everything is listed as in the snapshot, so forbidden and undiscoverable kinds are reported here;
the store is only listed, which shows that it can be reached and read. Whether it can be written to,
and whether hooks and volumes work, is only known when they are used.
"""

from __future__ import annotations

from resilience.backup.format import layout
from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.coverage import unaccepted
from resilience.backup.format.errors import Incomplete
from resilience.backup.store import Store
from resilience.backup.take.collect import collect
from resilience.backup.take.scope import Scope
from resilience.cluster.interface import Cluster, Object, Resource
from resilience.model.words import many


def rehearse(scope: Scope, cluster: Cluster, store: Store, *, clock: Clock) -> str:
    """One sentence; `Incomplete` names what could not be read."""
    taken = 0

    def count(resource: Resource, item: Object) -> None:
        nonlocal taken
        taken += 1

    found = collect(cluster, scope, count, clock=clock)
    if missing := unaccepted(found.coverage, scope.accept):
        shown = "; ".join(map(str, missing[:5]))
        raise Incomplete(f"the snapshot would be incomplete, so it would fail: {shown}")
    held = sum(1 for entry in store.list(layout.BACKUPS) if layout.is_marker(entry.key))
    return (
        f"{many(taken, 'object')} of {', '.join(found.namespaces)}, with "
        f"{many(len(found.claims), 'claim')}, would go into {store.url}, which holds "
        f"{many(held, 'snapshot')}"
    )
