"""A snapshot whose volumes are saved one by one, so that it can be continued, or shared by several
processes.

Each volume has a record as soon as its stream is complete (`saved_volumes`). A run that is killed
leaves them, and the next one continues. Shards save the volumes of their namespaces at the same
time, each under a lock of its own; the one that finds all others done completes the snapshot.
Locks are in the snapshot's own directory, and go with everything else there that only an
unfinished snapshot needs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from resilience.backup.catalog.unlisted import has_marker
from resilience.backup.format import layout
from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.coverage import unaccepted
from resilience.backup.format.errors import (
    BadRequest,
    Busy,
    Exists,
    Incomplete,
    NoSnapshot,
    StoreError,
)
from resilience.backup.format.manifest import Manifest
from resilience.backup.store import Store
from resilience.backup.store.create_only import require_create_only
from resilience.backup.store.snapshot_files import Files
from resilience.backup.store.store_lock import Lock
from resilience.backup.store.unfinished.saved_volumes import SavedVolumes, tidied
from resilience.backup.take.collect import collect
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, cluster_uid, create, repository, require_unused
from resilience.cluster.interface import NAMESPACES, Cluster, Object, Resource

_WHOLE = "whole"
_LOCK_LASTS = timedelta(minutes=3)
"""Others wait this long for a run that was killed; a store may be away for as long."""
_CLAIMS = "persistentvolumeclaims"


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `of` parts of the namespaces, from 0."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"shard {self.number} of {self.of}"

    def has(self, namespace: str) -> bool:
        """Whether a namespace is in this part: by its name alone, so that processes that start at
        different times agree."""
        digest = hashlib.sha256(namespace.encode()).digest()
        return int.from_bytes(digest[:8], "big") % self.of == self.number

    def scope(self, cluster: Cluster, whole: Scope) -> Scope:
        """The part of a scope; its namespaces may be none."""
        listed = cluster.list(NAMESPACES, labels=whole.namespace_labels)
        names = [each for each in whole.chosen(listed) if self.has(each)]
        return replace(whole, namespaces=tuple(names), exclude_namespaces=(), namespace_labels="")


def create_saving(
    request: Request, cluster: Cluster, store: Store, *, clock: Clock, holder: str
) -> Manifest:
    """As `create`, with a record of each volume, so that another run can continue."""
    if not request.saves or request.retain_until:
        return create(request, cluster, store, clock=clock)
    layout.checked_name(request.name)
    require_create_only(store)
    require_unused(store, request.name, f" continue it with `--continue {request.name}`,")
    lock = _lock(store, request.name, _WHOLE, holder, clock)
    try:
        lock.take()
    except Busy as problem:
        raise Exists(str(problem)) from problem
    saved = _saved(request, cluster, store, stays=False)
    return _locked(request, saved, lock, cluster, store, clock)


def continued(
    request: Request, cluster: Cluster, store: Store, *, clock: Clock, holder: str
) -> Manifest:
    """Complete an unfinished snapshot: what it has saved is not read again, and stays if this
    fails as well. `Exists` when it is complete, `NoSnapshot` when nothing has its name, `Busy` when
    another run is working on it."""
    _require_sensible(request)
    layout.checked_name(request.name)
    require_create_only(store)
    if next(iter(store.list(layout.directory(request.name))), None) is None:
        raise NoSnapshot(
            f"{store.url} has nothing of a snapshot {request.name}, so there is nothing to "
            "continue; without --continue, it is begun"
        )
    _require_unfinished(store, request.name)
    lock = _lock(store, request.name, _WHOLE, holder, clock)
    lock.take()
    saved = _saved(request, cluster, store, stays=True)
    return _locked(request, saved, lock, cluster, store, clock)


def _locked(
    request: Request, saved: SavedVolumes, lock: Lock, cluster: Cluster, store: Store, clock: Clock
) -> Manifest:
    """Under a lock that was taken, which is released."""

    def commit() -> None:
        _require_held(lock, store, request.name)
        request.before_commit()

    def mine() -> bool:
        return _is_held(lock, store, request.name)

    needed = saved.stays
    try:
        with lock.kept():
            if saved.stays:  # it was begun before
                _require_unfinished(store, request.name)
                _require_no_shard(store, request.name, clock)
                saved.read()
                _tell(request, saved)
            given = replace(request, saved=saved, before_commit=commit, mine=mine)
            try:
                made = create(given, cluster, store, clock=clock)
            except BaseException:
                needed = needed or not mine()
                raise
            needed = False
            return made
    finally:
        if not needed:
            tidied(store, request.name)


def _require_held(lock: Lock, store: Store, name: str) -> None:
    """`Busy` if another run may have taken the name over. A lock that expired while the store was
    away can be renewed if nobody took it; the records of one that was taken go with the snapshot
    that the other run completed."""
    if has_marker(store, name):
        raise Busy(f"snapshot {name} was completed by another run")
    try:
        lock.require()
    except Busy:
        lock.renew()


def _is_held(lock: Lock, store: Store, name: str) -> bool:
    try:
        _require_held(lock, store, name)
    except (Busy, StoreError):
        return False
    return True


def save_shard(
    request: Request, shard: Shard, cluster: Cluster, store: Store, *, clock: Clock, holder: str
) -> bool:
    """Save the volumes of a shard, whose scope the request has; whether all shards are done now."""
    _require_sensible(request)
    layout.checked_name(request.name)
    require_create_only(store)
    _require_unfinished(store, request.name)
    saved = _saved(request, cluster, store, stays=True)
    names = request.scope.namespaces
    lock = _lock(store, request.name, str(shard).replace(" ", "-"), holder, clock)
    with lock.held():
        _lock(store, request.name, _WHOLE, holder, clock).require_free()
        if names:
            saved.read(names)
            _tell(request, saved)
            _save(request, saved, lock, cluster, store, clock)
    return saved.shard_done(shard.number, shard.of)


def _require_sensible(request: Request) -> None:
    if request.retain_until:
        raise BadRequest(
            "--lock-days cannot be used with --continue or --shard: what was saved before would be "
            "locked until another date"
        )
    if not request.saves:
        raise BadRequest(
            "--continue completes a snapshot with volumes, and this one takes none: add --volumes, "
            "or `volumes:` to the plan, or take another snapshot"
        )


def _save(
    request: Request, saved: SavedVolumes, lock: Lock, cluster: Cluster, store: Store, clock: Clock
) -> None:
    files = Files(
        store,
        recipients=request.recipients,
        repository=repository(request, store, clock),
        saved=saved,
    )
    claims = _claims(request, cluster, clock)
    try:
        with request.hooks():
            request.volumes(files, sorted(claims))
    except BaseException:  # also on Ctrl-C: a stream that is not recorded is of no use
        files.take_back(mine=_is_held(lock, store, request.name))
        raise
    files.committed()


def _claims(request: Request, cluster: Cluster, clock: Clock) -> Sequence[tuple[str, str, str]]:
    if request.scope.exclusion(_CLAIMS):
        return ()
    scope = replace(request.scope, kinds=(_CLAIMS,), cluster="none")

    def none(resource: Resource, item: Object) -> None:
        """Only its claims are of interest."""

    found = collect(cluster, scope, none, clock=clock)
    listed = [each for each in found.coverage if each.kind == _CLAIMS]
    if missing := unaccepted(listed, scope.accept):
        raise Incomplete(f"the claims of {request.name} cannot be listed: {missing[0]}")
    return found.readable


def _saved(request: Request, cluster: Cluster, store: Store, *, stays: bool) -> SavedVolumes:
    return SavedVolumes(
        store,
        request.name,
        cluster=cluster_uid(cluster),
        signer=request.signer,
        recipients=request.recipients,
        engine=request.engine,
        stays=stays,
    )


def _tell(request: Request, saved: SavedVolumes) -> None:
    for each in saved.refused:
        request.tell(f"{each}: not used, and its volume is read again")


def _lock(store: Store, name: str, what: str, holder: str, clock: Clock) -> Lock:
    below = layout.own_locks(name, what)
    return Lock(store, f"snapshot {name}", holder, clock=clock, ttl=_LOCK_LASTS, below=below)


def _require_unfinished(store: Store, name: str) -> None:
    if has_marker(store, name):
        raise Exists(f"snapshot {name} of {store.url} is complete, so there is nothing to continue")


def _require_no_shard(store: Store, name: str, clock: Clock) -> None:
    start = layout.own_locks(name, "")[:-1]
    others = {each.key[len(start) :].partition("/")[0] for each in store.list(start)}
    for each in sorted(others - {_WHOLE}):
        _lock(store, name, each, "", clock).require_free()
