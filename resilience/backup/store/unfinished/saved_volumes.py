"""What an unfinished snapshot has saved already, so that it can be continued.

A record is written after the stream of its volume, and believed only if it is this snapshot's, has
the expected signature, and names nothing but the volume's own file, which must be there in its
size. Whatever else a killed run left is deleted before anything is written.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import datetime

from resilience.backup.format import layout, limited
from resilience.backup.format.errors import (
    BadRequest,
    Exists,
    Missing,
    Retained,
    StoreError,
    Tampered,
)
from resilience.backup.format.manifest import FileRecord, VolumeRecord
from resilience.backup.format.sign import Signer
from resilience.backup.store.base import Store
from resilience.backup.store.unfinished.saved_volume import SavedVolume

Claim = tuple[str, str]
"""Namespace and name."""


class SavedVolumes:
    """Of one snapshot. `stays` says whether it stays when the run fails; `refused` are the records
    that were not believed."""

    def __init__(
        self,
        store: Store,
        name: str,
        *,
        cluster: str = "",
        signer: Signer | None = None,
        recipients: Collection[str] = (),
        engine: str = "",
        stays: bool = False,
    ) -> None:
        self._store, self._name, self._signer = store, name, signer
        self._recipients, self._engine = tuple(recipients), engine
        self._cluster = cluster
        self._sitting = secrets.token_hex(8)
        self._found: dict[Claim, SavedVolume] = {}
        self._used: list[datetime] = []
        self._records: set[str] = set()
        self.stays = stays
        self.refused: list[str] = []

    @property
    def keys(self) -> set[str]:
        """The keys of the data."""
        return {key for each in self._found.values() for key in _keys(each)}

    @property
    def claims(self) -> set[Claim]:
        """The claims that have a record."""
        return set(self._found)

    def since(self, now: datetime) -> datetime:
        """When the reading of the oldest volume began that this run uses, else `now`."""
        return min([now, *self._used])

    def read(self, namespaces: Collection[str] | None = None) -> None:
        """Read the records, and delete files of a killed run that no record names: all of them, or
        those of the volumes of some namespaces, while others work on the rest."""
        listed = self._store.list(layout.directory(self._name))
        there = {each.key: each.size for each in listed if _within(each.key, namespaces)}
        saved = layout.saved(self._name)
        self._records = {key for key in there if key.startswith(f"{saved}volumes/")}
        for key in sorted(self._records):
            self._believe(key, there)
        kept = self.keys
        for key in there:
            if key not in kept and not key.startswith(saved):
                self._delete(key)

    def _believe(self, key: str, there: dict[str, int]) -> None:
        trusted = self._signer.public if self._signer else ""
        try:
            found = _read(self._store, key, trusted)
            _require_own(found, key, self._name)
        except (Tampered, Missing) as problem:
            self.refused.append(str(problem))
            return
        if found.cluster != self._cluster:
            raise BadRequest(
                f"snapshot {self._name} was begun on another cluster (its kube-system has uid "
                f"{found.cluster or 'unknown'}, here it is {self._cluster or 'unknown'}); continue "
                "it there, or take another snapshot"
            )
        means = (found.recipients, found.volume.engine) == (self._recipients, self._engine)
        whole = all(there.get(each.key) == each.size for each in found.files)
        if means and whole and (self._engine or found.files):
            self._found[found.volume.namespace, found.volume.claim] = found

    def of(self, claim: Claim) -> SavedVolume | None:
        """What is saved of a claim."""
        return self._found.get(claim)

    def use(self, claim: Claim) -> SavedVolume:
        """Take it into this snapshot."""
        found = self._found[claim]
        self._used.append(found.began)
        return found

    def keep(self, claims: Collection[Claim]) -> None:
        """Delete the data and records of all other claims that were read: they are read again, or
        not wanted any more."""
        for claim in self.claims - set(claims):
            for key in _keys(self._found.pop(claim)):
                self._delete(key)
        for key in self._records - {layout.saved_volume(self._name, *each) for each in claims}:
            self._delete(key)

    def add(
        self, volume: VolumeRecord, files: Iterable[FileRecord], claim: tuple[str, str],
        began: datetime,
    ) -> None:  # fmt: skip
        """Record a volume whose data is in the store. `claim` is its uid and its disk."""
        found = SavedVolume(
            snapshot=self._name,
            cluster=self._cluster,
            uid=claim[0],
            disk=claim[1],
            began=began,
            sitting=self._sitting,
            volume=volume,
            files=tuple(files),
            recipients=self._recipients,
        )
        key = layout.saved_volume(self._name, volume.namespace, volume.claim)
        self._store.put(key, found.encoded(self._signer))
        self._found[volume.namespace, volume.claim] = found

    def shard_done(self, shard: int, shards: int) -> bool:
        """Record that a shard has saved its volumes; whether all shards have."""
        with suppress(Exists):
            self._store.put(layout.saved_shard(self._name, shard, shards), b"")
        there = {each.key for each in self._store.list(f"{layout.saved(self._name)}shards/")}
        return all(layout.saved_shard(self._name, each, shards) in there for each in range(shards))

    def _delete(self, key: str) -> None:
        try:
            self._store.delete(key)
        except Retained as problem:
            raise Retained(
                f"snapshot {self._name} cannot be continued: {key} has to be written again, but "
                f"{problem}; take another snapshot"
            ) from problem


def begun_on(store: Store, keys: Iterable[str]) -> str | None:
    """The uid of the cluster that an unfinished snapshot with these files was begun on; None if it
    has saved no volume, or none whose record can be read."""
    for key in filter(layout.is_saved_volume, keys):
        with suppress(Tampered, Missing):
            return _read(store, key, trusted="").cluster
    return None


def _read(store: Store, key: str, trusted: str) -> SavedVolume:
    data = limited.read(store, key, limited.MARKER)
    return SavedVolume.decoded(data, key, snapshot=layout.snapshot_of(key), trusted=trusted)


def tidied(store: Store, name: str) -> None:
    """Delete what is only known about an unfinished snapshot. Where a lock or the store's rights
    forbid that, it stays and does no harm."""
    with suppress(StoreError):
        for each in list(store.list(layout.saved(name))):
            store.delete(each.key)


def _within(key: str, namespaces: Collection[str] | None) -> bool:
    """Whether a file belongs to the volumes of one of these namespaces."""
    if namespaces is None:
        return True
    parts = key.split("/")
    if parts[2:3] == ["saved"]:
        parts = parts[1:]
    return parts[2:3] == ["volumes"] and parts[3] in namespaces


def _keys(found: SavedVolume) -> list[str]:
    return [each.key for each in found.files] or [found.volume.key]


def _require_own(found: SavedVolume, key: str, name: str) -> None:
    """A record of one volume must not make another file part of the snapshot."""
    volume = found.volume
    own = layout.volume(name, volume.namespace, volume.claim)
    at = layout.saved_volume(name, volume.namespace, volume.claim)
    files = [each.key for each in found.files]
    if (key, volume.key) != (at, own) or files not in ([], [own], [layout.sealed(own)]):
        raise Tampered(f"{key} names files that are not this volume's")
