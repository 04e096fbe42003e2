"""The snapshots of a store: which there are, and one opened for reading.

A snapshot exists when its marker does: `velero-backup.json`, Ark's `ark-backup.json`, or ours for
an encrypted one. Reads go by the versions that the manifest recorded. A snapshot of Velero's has no
manifest, and can be listed, restored and drilled all the same.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from resilience.backup.format import encrypt, layout
from resilience.backup.format.errors import BadRequest, Missing, NoSnapshot, Tampered, UnknownFormat
from resilience.backup.format.manifest import Manifest, ObjectLine, VolumeRecord, object_lines
from resilience.backup.store import Entry, Store

_ARK = "ark-backup.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One directory below `backups/`. `marker` "" means unfinished (or foreign)."""

    name: str
    marker: str
    entries: tuple[Entry, ...]

    @property
    def ours(self) -> bool:
        """Whether it has a manifest."""
        return any(each.key == layout.manifest(self.name) for each in self.entries)

    @property
    def size(self) -> int:
        """Stored bytes."""
        return sum(each.size for each in self.entries)

    @property
    def newest(self) -> datetime:
        """When its last file was written."""
        return max(each.modified for each in self.entries)

    @property
    def verifications(self) -> list[str]:
        """Keys of the records, oldest first."""
        return sorted(e.key for e in self.entries if layout.is_verification(e.key))


def listed(store: Store) -> Iterator[Listed]:
    """Everything below `backups/`, by name; unfinished ones too."""
    name, entries = "", list[Entry]()
    for entry in store.list(layout.BACKUPS):
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
    markers = (layout.marker(name), layout.sealed_marker(name), layout.directory(name) + _ARK)
    marker = next((each for each in markers if each in keys), "")
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
    names = [each.name for each in snapshots(store)]
    near = difflib.get_close_matches(name, names, 3) or names[-3:]
    state = "is unfinished: its making was cut short" if entries else "does not exist"
    raise NoSnapshot(
        f"{store.url}: snapshot {name} {state}; there are {', '.join(near) if near else 'none'}"
    )


@dataclass(frozen=True)
class Snapshot:
    """A visible snapshot, opened. `identities` decrypt it."""

    store: Store
    listed: Listed
    identities: tuple[Any, ...] = field(default=())

    @property
    def name(self) -> str:
        """Its name."""
        return self.listed.name

    @cached_property
    def marker(self) -> dict[str, Any]:
        """velero-backup.json, parsed; `Tampered` when it is no JSON object."""
        try:
            found = json.loads(self.store.read(self.listed.marker))
            found["metadata"]["name"]
        except (ValueError, KeyError, TypeError) as problem:
            raise Tampered(f"snapshot {self.name}: {self.listed.marker} is damaged") from problem
        result: dict[str, Any] = found
        return result

    @cached_property
    def manifest(self) -> Manifest | None:
        """None for Velero's own. Reading it checks nothing: see `verify`."""
        if not self.listed.ours:
            return None
        return Manifest.decoded(self.store.read(layout.manifest(self.name)), self.name)

    @property
    def encrypted(self) -> bool:
        """Whether an identity is needed."""
        return self.listed.marker == layout.sealed_marker(self.name)

    @property
    def started(self) -> datetime:
        """When its making began: what an RPO counts from."""
        if self.manifest:
            return self.manifest.started
        text = (self.marker.get("status") or {}).get("startTimestamp")
        return _moment(text) if text else self.listed.newest

    @property
    def phase(self) -> str:
        """Velero's own word for how it ended."""
        return str((self.marker.get("status") or {}).get("phase", ""))

    def stream(self, key: str) -> Iterator[bytes]:
        """A file's content, decrypted, in the version that the manifest recorded."""
        if not self.encrypted:
            return self.store.stream(key, self._version(key))
        if not self.identities:
            raise BadRequest(f"snapshot {self.name} is encrypted; give its identity (--identity)")
        key = layout.sealed(key)
        chunks = self.store.stream(key, self._version(key))
        return encrypt.opened(chunks, self.identities, f"snapshot {self.name}: {key}")

    def data(self, record: VolumeRecord) -> Iterator[bytes]:
        """The stream of a volume or dump, from wherever it is kept; not held against its hash."""
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
        return self.manifest.file(key).version if self.manifest else ""

    def archive(self) -> Iterator[bytes]:
        """The tarball's bytes."""
        return self.stream(layout.archive(self.name))

    def lines(self) -> Iterator[ObjectLine]:
        """The list of objects, as a stream. Only for snapshots of ours."""
        return object_lines(self.stream(layout.objects(self.name)), self.name)

    def side(self, what: str) -> Any:
        """One of the gzipped JSON files, None when it is missing, as old ones are."""
        import gzip

        key = layout.side(self.name, what)
        try:
            return json.loads(gzip.decompress(b"".join(self.stream(key))))
        except Missing:
            return None
        except (ValueError, OSError, EOFError) as problem:
            raise Tampered(f"snapshot {self.name}: {key} is damaged ({problem})") from problem


def opened(store: Store, name: str, identities: Iterable[Any] = ()) -> Snapshot:
    """A visible snapshot by name."""
    return Snapshot(store, find(store, name), tuple(identities))


def free_name(store: Store, base: str) -> str:
    """`base`, or with a number where another snapshot of the same second has it."""
    for name in (base, *(f"{base}-{number}" for number in range(2, 10))):
        if next(iter(store.list(layout.directory(name))), None) is None:
            return name
    raise BadRequest(f"{store.url} has nine snapshots {base}; wait a second, or name this one")


def held_by_velero(snapshot: Snapshot) -> tuple[str, ...]:
    """The namespaces of a snapshot that has no manifest."""
    included = (snapshot.marker.get("spec") or {}).get("includedNamespaces") or []
    listed_ = snapshot.side("resource-list") or {}
    names = [name for name in listed_.get("v1/Namespace", included) if name != "*"]
    return tuple(sorted(names))


def newest_of(store: Store, namespace: str, identities: Iterable[Any] = ()) -> Snapshot:
    """The newest visible snapshot of ours that holds a namespace."""
    given = tuple(identities)
    found = [Snapshot(store, each, given) for each in snapshots(store) if each.ours]
    held = [each for each in found if each.manifest and namespace in each.manifest.namespaces]
    if not held:
        raise NoSnapshot(f"{store.url} has no snapshot of namespace {namespace}")
    return max(held, key=lambda each: (each.started, each.name))


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
