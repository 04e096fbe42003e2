"""Compares a snapshot with another, or with a cluster: the proof that nothing was lost or changed.

It compares recorded bytes with a fresh read; no rule of the restore is used. What may differ and
what may be absent is on closed lists (`may_differ`, `may_be_absent`, and `drill_terms` for a
drill); the entries that were used are part of the result.

Two snapshots of this program are compared by the hashes in their lists first: equal hashes mean
equal objects, so that only different ones are ever parsed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.format.velero import Found, understood
from resilience.backup.objects.kind_identity import identity
from resilience.backup.proof.diff import Change, Difference, Key, changes, compared
from resilience.backup.proof.expected_names import expected
from resilience.backup.proof.may_be_absent import is_derived, made_by_controller, tied, why_absent
from resilience.backup.proof.may_differ import ANY, LIST, STATUS, AllowedDifference, owners
from resilience.backup.take.discover import discover
from resilience.backup.take.scope import Scope, left_out
from resilience.cluster.errors import ClusterError, Forbidden, NotFound
from resilience.cluster.interface import Cluster, Object, Resource
from resilience.model.words import many, one_line

_BATCH = 64

OWNER_GONE = AllowedDifference(
    ANY, "metadata/ownerReferences", "the owner does not exist in this cluster"
)


def differing(count: int) -> str:
    """`1 object differs`, `2 objects differ`."""
    return f"{many(count, 'object')} {'differs' if count == 1 else 'differ'}"


def between(was: Snapshot, now: Snapshot) -> list[Change]:
    """The changes from one snapshot to the other."""
    hashes = _hashes(was), _hashes(now)
    same = {key for key, value in hashes[0].items() if value and hashes[1].get(key) == value}
    return changes(_bodies(was, same), _bodies(now, same))


def _hashes(snapshot: Snapshot) -> dict[Key, str]:
    return {
        (at.resource, at.namespace, at.name): line.sha256
        for line in snapshot.contents
        for at in (line.address,)
    }


def _bodies(snapshot: Snapshot, leave: set[Key]) -> dict[Key, Object]:
    return {key: found.parsed() for found in objects(snapshot) if (key := _key(found)) not in leave}


def _key(found: Found) -> Key:
    return found.address.resource, found.address.namespace, found.address.name


def objects(snapshot: Snapshot) -> Iterator[Found]:
    """All objects of a snapshot, ours or Velero's."""
    return snapshot.contents.objects()


def nothing_absent(obj: Object) -> str:
    """No object may be absent for this reason."""
    return ""


def nothing_demanded(recorded: Object, live: Object) -> Iterator[Difference]:
    """A live object may be as it was recorded."""
    return iter(())


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Further objects that a copy may lack, beyond the lists for every restore. `foreign_owners`:
    owners outside of its namespace are expected. `demands` are values that a live object must not
    have."""

    entries: Sequence[AllowedDifference] = ()
    absent: Callable[[Object], str] = nothing_absent
    foreign_owners: bool = True
    demands: Callable[[Object, Object], Iterator[Difference]] = nothing_demanded


AS_RESTORED = Terms()


@dataclass(slots=True)
class Proof:
    """`used` are the entries of the closed list that excused a difference; `absent` are recorded
    objects that may be missing."""

    changes: list[Change] = field(default_factory=list)
    used: Counter[AllowedDifference] = field(default_factory=Counter)
    absent: list[str] = field(default_factory=list)
    same: int = 0

    def excuses(self) -> list[str]:
        """One line for each entry that was used, and each absent object."""
        lines = [f"may differ: {entry} ({count})" for entry, count in self.used.items()]
        return sorted(lines) + [f"not there: {each}" for each in sorted(self.absent)]


def with_cluster(
    snapshot: Snapshot,
    cluster: Cluster,
    *,
    namespaces: Mapping[str, str] | None = None,
    only: frozenset[str] = frozenset(),
    terms: Terms = AS_RESTORED,
    workers: int = 8,
) -> Proof:
    """Live objects that differ from what was recorded. `namespaces`: recorded to current name;
    `only` these recorded namespaces are compared, and nothing cluster-scoped."""
    comparer = _Comparer(snapshot, cluster, namespaces or {}, terms)
    wanted = (each for each in objects(snapshot) if not only or each.address.namespace in only)
    with ThreadPoolExecutor(workers, "resilience-compare") as pool:
        for batch in _batches(wanted):
            for result in pool.map(comparer.one, batch):
                comparer.note(result)
    return comparer.proof


def added(
    snapshot: Snapshot,
    cluster: Cluster,
    namespaces: Mapping[str, str],
    helpers: Collection[str] = (),
) -> list[Change]:
    """Objects of these namespaces (recorded to current name) within the snapshot's own scope
    that it does not hold. Objects that controllers and the cluster itself create are left out,
    and so are this project's `helpers`, by name."""
    if not snapshot.manifest:
        return []
    scope = Scope.from_json(snapshot.manifest.scope)
    known = {
        (line.address.resource, namespaces[line.address.namespace], line.address.name)
        for line in snapshot.contents
        if line.address.namespace in namespaces
    }
    found = []
    for kind in discover(cluster).kinds:
        name = kind.full_name
        if not kind.namespaced or scope.exclusion(name):
            continue
        for namespace in sorted(namespaces.values()):
            for obj in _listed(cluster, kind, namespace, scope.labels):
                key = (name, namespace, obj["metadata"]["name"])
                if key not in known and not is_derived(obj, helpers) and not left_out(obj):
                    found.append(Change(*key, "was added"))
    return found


def _listed(cluster: Cluster, kind: Resource, namespace: str, labels: str) -> Iterator[Object]:
    try:
        for page in cluster.pages(kind, namespace, labels=labels):
            for item in page.get("items") or ():
                yield {"apiVersion": kind.api_version, "kind": kind.kind} | item
    except (Forbidden, NotFound):  # the snapshot's coverage says what could be read
        return


@dataclass(frozen=True, slots=True)
class _Result:
    change: Change | None = None
    used: Mapping[AllowedDifference, int] = field(default_factory=dict)
    absent: str = ""


class _Comparer:
    """One comparison; `one` may run in several threads, `note` in one."""

    def __init__(
        self, snapshot: Snapshot, cluster: Cluster, namespaces: Mapping[str, str], terms: Terms
    ) -> None:
        self._snapshot, self._cluster, self._terms = snapshot, cluster, terms
        self._namespaces = namespaces
        found = discover(cluster)
        self._kinds = {kind.full_name: kind for kind in found.kinds}
        self._by_identity = {identity(_as_object(kind)): kind for kind in found.kinds}
        self._versions, self._with_status = found.versions, found.with_status
        self._recreated = _recreated(snapshot)
        self.proof = Proof()

    def note(self, result: _Result) -> None:
        """Add one object's result."""
        self.proof.used.update(result.used)
        if result.change:
            self.proof.changes.append(result.change)
        elif result.absent:
            self.proof.absent.append(result.absent)
        else:
            self.proof.same += 1

    def one(self, found: Found) -> _Result:
        """Compare one recorded object with its live copy."""
        recorded = found.parsed()
        with understood(found.address):
            wanted = expected(recorded, self._namespaces)
            reason = (
                why_absent(recorded)
                or self._terms.absent(recorded)
                or tied(recorded, self._recreated)
            )
        metadata = wanted["metadata"]
        where = (found.address.resource, metadata.get("namespace", ""), metadata["name"])
        if reason:
            title = one_line(f"{where[0]} {'/'.join(filter(None, where[1:]))}")
            return _Result(absent=f"{title}: {reason}")
        resource = self._resource(found, wanted)
        if not resource:
            return _Result(Change(*where, "is of a kind that is not served"))
        try:
            live = self._cluster.get(resource, metadata["name"], metadata.get("namespace", ""))
        except NotFound:
            return _Result(Change(*where, "was removed"))
        live |= {"apiVersion": wanted["apiVersion"], "kind": wanted["kind"]}
        result = compared(wanted, live, self._entries(found.address.resource, recorded))
        differences = (
            *result.differences,
            *self._owners(wanted, live, result.used),
            *self._terms.demands(recorded, live),
        )
        change = Change(*where, "changed", tuple(differences)) if differences else None
        return _Result(change, result.used)

    def _entries(self, kind: str, recorded: Object) -> Sequence[AllowedDifference]:
        """A kind without a status subresource keeps data in `status`."""
        status = (STATUS,) if kind in self._with_status or not self._with_status else ()
        return (*LIST, *status, *self._terms.entries)

    def _resource(self, found: Found, wanted: Object) -> Resource | None:
        """The resource in the recorded version, if that is served."""
        served = self._kinds.get(found.address.resource)
        if not served or wanted["apiVersion"] not in self._versions:
            return served
        version = wanted["apiVersion"].rpartition("/")[2]
        return Resource(served.group, version, served.plural, served.kind, served.namespaced)

    def _owners(
        self, wanted: Object, live: Object, used: Counter[AllowedDifference]
    ) -> Iterator[Difference]:
        """An owner that still exists must still be referenced. `added` ones were never recorded."""
        recorded, present = owners(wanted), owners(live)
        for owner in wanted["metadata"].get("ownerReferences") or ():
            key = (identity(owner), str(owner["name"]))
            if key in present:
                continue
            if self._lives(owner, wanted["metadata"].get("namespace", "")):
                yield Difference("/metadata/ownerReferences", " ".join(key), "")
            else:
                used[OWNER_GONE] += 1
        for key in sorted(present - recorded):
            yield Difference("/metadata/ownerReferences", "", " ".join(key))

    def _lives(self, owner: Mapping[str, str], namespace: str) -> bool:
        resource = self._by_identity.get(identity(owner))
        if not resource or (not resource.namespaced and not self._terms.foreign_owners):
            return False
        try:
            found = self._cluster.get(
                resource, owner["name"], namespace if resource.namespaced else ""
            )
        except ClusterError:
            return False
        uid = found["metadata"].get("uid", "")
        return uid == owner.get("uid") or owner.get("uid") in self._uids

    @cached_property
    def _uids(self) -> frozenset[str]:
        """The uids of all recorded objects; only read if an owner is missing."""
        return frozenset(line.uid for line in self._snapshot.contents)


def _recreated(snapshot: Snapshot) -> Mapping[str, str]:
    """Recorded owners that controllers create again, by uid."""
    others = (line for line in snapshot.contents if line.kind not in ("Pod", "ReplicaSet"))
    owning = {uid for line in others for uid in line.owners}
    made = {
        line.uid
        for line in snapshot.contents
        if line.uid in owning and line.kind in ("Pod", "ReplicaSet", "ControllerRevision", "Job")
    }
    return {
        line.uid: f"{line.kind} {line.address.name}"
        for line, each in (snapshot.contents.pairs() if made else ())
        if line.uid in made and made_by_controller(each.parsed())
    }


def _as_object(kind: Resource) -> Object:
    return {"apiVersion": kind.api_version, "kind": kind.kind}


def _batches(items: Iterable[Found]) -> Iterator[list[Found]]:
    rest = iter(items)
    while batch := list(islice(rest, _BATCH)):
        yield batch
