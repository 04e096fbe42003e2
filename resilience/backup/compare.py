"""A snapshot against another, or against a cluster: streams in, changes out.

Two snapshots of ours are compared by the hashes in their lists first: what has the same hash is the
same, so that only what differs is ever parsed. Against a cluster, objects are fetched by name, with
workers, and the rewrites of a restore are ignored where its report lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from resilience.backup.catalog import Snapshot
from resilience.backup.diff import Change, Key, changes, differences
from resilience.backup.discover import discover, kind_name
from resilience.backup.mapping import Targets
from resilience.backup.skips import reason_to_skip
from resilience.backup.velero import Found, Reading, copy_to_read
from resilience.cluster.errors import NotFound
from resilience.cluster.interface import Cluster, Object
from resilience.model.words import many

_BATCH = 64


def differing(count: int) -> str:
    """`1 object differs`, `2 objects differ`."""
    return f"{many(count, 'object')} {'differs' if count == 1 else 'differ'}"


def between(was: Snapshot, now: Snapshot) -> list[Change]:
    """What changed from one snapshot to the other."""
    hashes = _hashes(was), _hashes(now)
    same = {key for key, value in hashes[0].items() if value and hashes[1].get(key) == value}
    return changes(_bodies(was, same), _bodies(now, same))


def _hashes(snapshot: Snapshot) -> dict[Key, str]:
    if not snapshot.listed.ours:
        return {}
    return {
        (at.resource, at.namespace, at.name): line.sha256
        for line in snapshot.lines()
        for at in (line.address,)
    }


def _bodies(snapshot: Snapshot, leave: set[Key]) -> dict[Key, Object]:
    return {key: found.parsed() for found in objects(snapshot) if (key := _key(found)) not in leave}


def _key(found: Found) -> Key:
    return found.address.resource, found.address.namespace, found.address.name


def objects(snapshot: Snapshot) -> Iterator[Found]:
    """All objects of a snapshot, ours or Velero's."""
    copy = "plain" if snapshot.listed.ours else copy_to_read(snapshot.archive())
    return Reading(copy).objects(snapshot.archive())


Rewrites = Callable[[Object], Mapping[str, list[str]] | str]


def with_cluster(
    snapshot: Snapshot,
    cluster: Cluster,
    *,
    targets: Targets,
    rewrites: Rewrites,
    namespaces: frozenset[str] = frozenset(),
    workers: int = 8,
    left_too: bool = False,
) -> list[Change]:
    """What is live otherwise than it was recorded. `rewrites` is the restore's `adjust`, applied to
    the recorded side, whose pointers are then ignored; what it leaves out is not compared.

    `left_too`: also compare what a restore leaves to controllers (for "a snapshot and now").
    """
    kinds = {kind_name(kind): kind for kind in discover(cluster).kinds}

    def one(found: Found) -> Change | None:
        obj = found.parsed()
        if reason_to_skip(obj) and not left_too:
            return None
        targets.apply(obj)
        touched = rewrites(obj)
        if isinstance(touched, str):
            return None
        metadata = obj["metadata"]
        where = (found.address.resource, metadata.get("namespace", ""), metadata["name"])
        resource = kinds.get(found.address.resource)
        if not resource:
            return Change(*where, "is of a kind that is not served")
        try:
            live = cluster.get(resource, metadata["name"], metadata.get("namespace", ""))
        except NotFound:
            return Change(*where, "was removed")
        live |= {"apiVersion": obj["apiVersion"], "kind": obj["kind"]}
        ignore = [pointer for pointers in touched.values() for pointer in pointers]
        different = differences(obj, live, ignore=ignore)
        return Change(*where, "changed", tuple(different)) if different else None

    wanted = (
        each for each in objects(snapshot) if not namespaces or each.address.namespace in namespaces
    )
    with ThreadPoolExecutor(workers, "resilience-compare") as pool:
        return [change for batch in _batches(wanted) for change in pool.map(one, batch) if change]


def _batches(items: Iterable[Found]) -> Iterator[list[Found]]:
    rest = iter(items)
    while batch := list(islice(rest, _BATCH)):
        yield batch
