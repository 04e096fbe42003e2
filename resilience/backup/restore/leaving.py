"""Namespaces that are being deleted when a restore wants to write to them.

The API server creates nothing in them, and deletes what exists there. The restore waits for all of
them once, before the dry run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.errors import RestoreRefused
from resilience.cluster.errors import Forbidden, NotFound
from resilience.cluster.interface import NAMESPACES, Cluster, Object
from resilience.kube.namespace_deletion import is_going, why_it_stays
from resilience.model.progress import track

_PAUSE = 0.5


def require_settled(
    cluster: Cluster, namespaces: Iterable[str], *, clock: Clock, patience: float
) -> None:
    """Wait up to `patience` seconds for those that are being deleted; `RestoreRefused` names one
    that does not go, and what keeps it."""
    until = clock.monotonic() + patience
    going = list(_going(cluster, sorted(namespaces)))
    if not going:
        return
    names = [each["metadata"]["name"] for each in going]
    what = f"wait until {', '.join(names)} is deleted"
    with track(what, total=len(names), unit="namespace") as done:
        while going:
            if clock.monotonic() >= until:
                raise RestoreRefused(_stays(going[0], patience))
            clock.wait(_PAUSE)
            before = len(going)
            going = list(_going(cluster, [each["metadata"]["name"] for each in going]))
            done(before - len(going))


def _going(cluster: Cluster, names: Iterable[str]) -> Iterator[Object]:
    for name in names:
        try:
            found = cluster.get(NAMESPACES, name)
        except (NotFound, Forbidden):  # it is gone, or the first write shows its state
            continue
        if is_going(found):
            yield found


def _stays(namespace: Object, patience: float) -> str:
    name = namespace["metadata"]["name"]
    waited = f", still after {patience:.0f}s" if patience else ""
    return (
        f"namespace {name} is being deleted{waited}: {why_it_stays(namespace)}. Nothing can be "
        "created in it: restore when it is gone, or into another one with --into"
    )
