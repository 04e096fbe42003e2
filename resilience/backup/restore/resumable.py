"""Which restores of a snapshot can be continued here: those whose name is on an object.

A name with a mistake in it would begin a restore of its own, which takes nothing of the interrupted
one for its own and stops at its objects.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import suppress

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.format.errors import BadRequest
from resilience.backup.objects.rules import FILLED, FILLING, RESTORE, SNAPSHOT
from resilience.backup.take.discover import discover
from resilience.cluster.errors import Forbidden, NotFound
from resilience.cluster.interface import Cluster, Object
from resilience.kube import objects
from resilience.model.nearest import did_you_mean
from resilience.model.words import many, told


def require_resumable(
    name: str, snapshot: Snapshot, places: Collection[str], cluster: Cluster
) -> None:
    """`BadRequest` unless an object in `places`, or one outside of namespaces, was written by the
    restore of this name. Where a kind may not be listed, it is not known, so nothing is refused."""
    found: Counter[str] = Counter()
    try:
        for obj in _candidates(snapshot, places, cluster):
            marks = {objects.annotation(obj, mark) for mark in (RESTORE, FILLED, FILLING)}
            if name in marks:
                return
            if objects.annotation(obj, SNAPSHOT) == snapshot.name:
                found[objects.annotation(obj, RESTORE)] += 1
    except Forbidden:
        return
    del found[""]
    known = [f"{each} ({many(count, 'object')})" for each, count in sorted(found.items())]
    told_known = (
        f"restores of {snapshot.name} here: {told(known)}" if known
        else f"no restore of {snapshot.name} has left an object here: omit --resume to begin one"
    )  # fmt: skip
    raise BadRequest(
        f"--resume {name}: no object of such a restore exists{did_you_mean(name, found)}; "
        f"{told_known}"
    )


def _candidates(snapshot: Snapshot, places: Collection[str], cluster: Cluster) -> Iterator[Object]:
    """Every object here that is of a kind that the snapshot holds."""
    held = {line.address.resource for line in snapshot.contents} | {"namespaces"}
    for kind in discover(cluster).kinds:
        if kind.full_name not in held:
            continue
        for place in sorted(places) if kind.namespaced else [""]:
            with suppress(NotFound):
                yield from cluster.list(kind, place)
