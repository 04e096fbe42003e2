"""The snapshots of a store: which exist, and one opened for reading.

A snapshot exists when its marker does: `velero-backup.json`, Ark's `ark-backup.json`, or this
project's own for an encrypted one. Files are read in the versions that the manifest recorded. A
snapshot of Velero's has no manifest, and can still be listed, restored and drilled.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from resilience.backup.catalog.contents import Contents, scanned, sealed
from resilience.backup.catalog.hidden_snapshots import hidden_snapshots
from resilience.backup.catalog.unlisted import has_marker, markers
from resilience.backup.format import encrypt, layout, limited
from resilience.backup.format.archive_reader import inflate
from resilience.backup.format.errors import (
    UNREADABLE,
    BadArchive,
    BadRequest,
    NoSnapshot,
    StoreUnreachable,
    Tampered,
    UnknownFormat,
)
from resilience.backup.format.manifest import FileRecord, Manifest, VolumeRecord
from resilience.backup.format.sign import Seal, check_seal, require_hash
from resilience.backup.format.velero_backup import VeleroBackup
from resilience.backup.store import Entry, Store
from resilience.model.nearest import did_you_mean
from resilience.model.words import many, told


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One directory below `backups/`. `marker` "" means unfinished (or foreign)."""

    name: str
    marker: str
    entries: tuple[Entry, ...]

    @property
    def ours(self) -> bool:
        """Whether the snapshot has a manifest."""
        return any(each.key == layout.manifest(self.name) for each in self.entries)

    @property
    def leftover(self) -> str:
        """A file that only this program writes, in a directory without a manifest; "" if there is
        none. Records of verifications are written next to Velero's backups as well."""
        if self.ours:
            return ""
        return next((each.key for each in self.entries if layout.is_ours(each.key)), "")

    @property
    def size(self) -> int:
        """Stored bytes."""
        return sum(each.size for each in self.entries)

    @property
    def newest(self) -> datetime:
        """When the snapshot's last file was written."""
        return max(each.modified for each in self.entries)

    @property
    def verifications(self) -> list[str]:
        """Keys of the records, oldest first."""
        return sorted(e.key for e in self.entries if layout.is_verification(e.key))


def listed(store: Store, only: str = "") -> Iterator[Listed]:
    """All directories below `backups/`, or one of them, by name, including unfinished ones."""
    name, entries = "", list[Entry]()
    for entry in store.list(layout.directory(only) if only else layout.BACKUPS):
        found = layout.snapshot_of(entry.key)
        if found != name and entries:
            yield _listed(name, entries)
            entries = []
        name = found
        if name:
            entries.append(entry)
    if entries:
        yield _listed(name, entries)


def _listed(name: str, entries: Sequence[Entry]) -> Listed:
    keys = {each.key for each in entries}
    marker = next((each for each in markers(name) if each in keys), "")
    return Listed(name=name, marker=marker, entries=tuple(entries))


def snapshots(store: Store) -> list[Listed]:
    """The visible ones."""
    return [each for each in listed(store) if each.marker]


def find(store: Store, name: str) -> Listed:
    """One visible snapshot; `NoSnapshot` names the nearest others."""
    layout.checked_name(name)
    entries = tuple(store.list(layout.directory(name)))
    if entries and (found := _listed(name, entries)).marker:
        return found
    if entries and has_marker(store, name):
        raise StoreUnreachable(
            f"{store.url}: snapshot {name} exists, but the store does not list all of its files "
            "yet; try again later"
        )
    for gone in hidden_snapshots(store, name):
        raise NoSnapshot(f"{store.url}: {gone}")
    names = [each.name for each in snapshots(store)]
    state = "is unfinished: its creation was interrupted" if entries else "does not exist"
    meant = did_you_mean(name, names, 3)
    last = "the last of them " if len(names) > 3 else ""
    held = f"; there are {many(len(names), 'snapshot')}, {last}{told(names[-3:])}" if names else (
        "; there are none")  # fmt: skip
    raise NoSnapshot(f"{store.url}: snapshot {name} {state}{meant or held}")


@dataclass(frozen=True)
class Snapshot:
    """A visible snapshot, opened for reading. `identities` decrypt it, `trusted` is the public key
    that must have signed it ("" for any or none), `unverified` reads a damaged one as far as
    possible.

    Its content is read once, checked, and kept: the manifest is checked against its seal, the list
    of objects against the manifest, each object against the list.
    """

    store: Store
    listed: Listed
    identities: tuple[Any, ...] = field(default=())
    trusted: str = ""
    unverified: bool = False

    @property
    def name(self) -> str:
        """Its name."""
        return self.listed.name

    @cached_property
    def velero(self) -> VeleroBackup:
        """velero-backup.json; `Tampered` when it is damaged."""
        data = limited.read(self.store, self.listed.marker, limited.MARKER)
        return VeleroBackup.decoded(data, self.name)

    @cached_property
    def manifest(self) -> Manifest | None:
        """The manifest, checked against its seal; None for a backup by Velero. `Tampered` when it
        differs from what was sealed, when it is missing, and when a required signature is
        missing."""
        if self.listed.ours:
            return self._sealed[0]
        if left := self.listed.leftover:
            raise Tampered(
                f"snapshot {self.name}: its manifest is missing, although {left} exists; "
                "someone deleted it, and without it nothing can be verified"
            )
        if self.trusted:
            raise Tampered(
                f"snapshot {self.name} was written by Velero and is not signed; expected the "
                f"signature of {self.trusted}"
            )
        return None

    @cached_property
    def _sealed(self) -> tuple[Manifest, str]:
        """The manifest, and the sha256 of exactly the bytes from which it was read."""
        data = limited.read(self.store, layout.manifest(self.name), limited.LARGE)
        digest = hashlib.sha256(data).hexdigest()
        if self.unverified:
            return Manifest.decoded(data, self.name), digest
        seal = Seal.decoded(
            limited.read(self.store, layout.signature(self.name), limited.SMALL), self.name
        )
        require_hash(seal, digest, self.name)
        manifest = Manifest.decoded(data, self.name)
        check_seal(seal, data, name=self.name, signer=manifest.signer, trusted=self.trusted)
        if manifest.name != self.name:
            raise Tampered(
                f"snapshot {self.name} is really snapshot {manifest.name}, created "
                f"{manifest.started.isoformat()}, under another name"
            )
        return manifest, digest

    @property
    def manifest_digest(self) -> str:
        """The hash that a verification record refers to."""
        return self._sealed[1]

    @property
    def encrypted(self) -> bool:
        """Whether an identity is needed to read the snapshot."""
        return self.listed.marker == layout.sealed_marker(self.name)

    @property
    def started(self) -> datetime:
        """When the snapshot's creation began; an RPO counts from that time."""
        if self.manifest:
            return self.manifest.started
        return self.velero.started or self.listed.newest

    def stream(self, key: str, *, held: bool = True) -> Iterator[bytes]:
        """A file's content, decrypted, in the version that the manifest recorded; `Tampered` at
        its end when the stored bytes differ from those written (`held`)."""
        if not self.encrypted:
            return self._stored(key, held)
        if not self.identities:
            raise BadRequest(
                f"snapshot {self.name} is encrypted; give its identity (--identity FILE, or "
                "RESILIENCE_IDENTITY)"
            )
        key = layout.sealed(key)
        what = f"snapshot {self.name}: {key}"
        return encrypt.opened(self._stored(key, held), self.identities, what)

    def _stored(self, key: str, held: bool) -> Iterator[bytes]:
        if not self.manifest or self.unverified or not held:
            return self.store.stream(key, self._version(key))
        return held_against(self.store, self.manifest.file(key))

    def data(self, record: VolumeRecord) -> Iterator[bytes]:
        """The stream of a volume or dump, from its engine or the store; not checked against its
        hash."""
        if not record.engine:
            return self.stream(record.key)
        from resilience.backup.restic import restic

        if record.engine != restic.NAME:
            raise UnknownFormat(
                f"snapshot {self.name}: {record.key} is kept by {record.engine!r}, which this "
                "version does not know"
            )
        return restic.repository(self.store).read(record.key)

    def _version(self, key: str) -> str:
        known = self.manifest.files if self.manifest else ()
        return next((each.version for each in known if each.key == key), "")

    def archive(self) -> Iterator[bytes]:
        """The tarball's bytes."""
        return self.stream(layout.archive(self.name))

    @cached_property
    def contents(self) -> Contents:
        """The list of objects, and each object checked against it."""
        if not self.manifest or self.unverified:
            return scanned(self.name, self.archive)
        size = self.manifest.objects, self.manifest.object_bytes
        return sealed(self.name, self.stream(layout.objects(self.name)), self.archive, size=size)

    def side(self, what: str) -> Any:
        """One of the gzipped JSON files, None when it is missing, as in old snapshots."""
        key = layout.side(self.name, what)
        stored = layout.sealed(key) if self.encrypted else key
        if not any(each.key == stored for each in self.listed.entries):
            return None
        try:
            return limited.parsed(b"".join(inflate(self.stream(key), most=limited.LARGE)))
        except (ValueError, BadArchive) as problem:
            raise Tampered(f"snapshot {self.name}: {key} is damaged ({problem})") from problem


def held_against(store: Store, record: FileRecord) -> Iterator[bytes]:
    """The stored bytes of a file; never reads more bytes than were written."""
    digest, size = hashlib.sha256(), 0
    for chunk in store.stream(record.key, record.version):
        digest.update(chunk)
        size += len(chunk)
        if size > record.size:
            break
        yield chunk
    if size != record.size or digest.hexdigest() != record.sha256:
        raise Tampered(
            f"{record.key} was changed: {size} bytes stored, {record.size} written, hashes differ"
        )


def opened(
    store: Store,
    name: str,
    identities: Iterable[Any] = (),
    *,
    trusted: str = "",
    unverified: bool = False,
) -> Snapshot:
    """A visible snapshot by name."""
    return Snapshot(store, find(store, name), tuple(identities), trusted, unverified)


def free_name(store: Store, base: str) -> str:
    """`base`, with a number appended if another snapshot of the same second has that name."""
    for name in (base, *(f"{base}-{number}" for number in range(2, 10))):
        if next(iter(store.list(layout.directory(name))), None) is None:
            return name
    raise BadRequest(f"{store.url} already has nine snapshots named {base}; wait a second, or name "
                     "this one yourself")  # fmt: skip


def newest_of(
    store: Store, namespace: str, identities: Iterable[Any] = (), *, trusted: str = ""
) -> Snapshot:
    """The newest visible snapshot of this program that holds a namespace. An unreadable snapshot
    does not hide others; with a trusted key, snapshots that are not signed with it are skipped."""
    given = tuple(identities)
    held, unreadable = [], []
    for each in snapshots(store):
        snapshot = Snapshot(store, each, given, trusted)
        try:
            if each.ours and (manifest := snapshot.manifest) and namespace in manifest.namespaces:
                held.append(snapshot)
        except UNREADABLE as problem:
            unreadable.append(str(problem))
    if not held:
        told = f"; {unreadable[-1]}" if unreadable else ""
        raise NoSnapshot(f"{store.url} has no snapshot of namespace {namespace}{told}")
    return max(held, key=lambda each: (each.started, each.name))
