"""The negative control of a drill: a check that cannot fail proves nothing.

The verification receives the same snapshot with one changed bit, in its objects and in its data,
and another snapshot under its name. It must refuse all of them, and an encrypted snapshot must not
be readable without its key. Nothing is written: the store is only wrapped in a view that alters it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from resilience.backup.catalog.catalog import Snapshot, opened
from resilience.backup.catalog.verify import verify
from resilience.backup.data.snapshot_clones import LOCAL
from resilience.backup.format import layout
from resilience.backup.format.errors import BadRequest, StoreRefused
from resilience.backup.format.manifest import VolumeRecord
from resilience.backup.store import Entry, Store, Stored, Upload


class Pane:
    """An altered view of a store: `flip` changes one bit of one key, `renamed` shows snapshot
    `old` as `new`. Reads only."""

    overwrites_accepted = False

    def __init__(self, store: Store, *, flip: str = "", old: str = "", new: str = "") -> None:
        self._store, self._flip, self._old, self._new = store, flip, old, new
        self.url = store.url
        self.beneath = store

    def _real(self, key: str) -> str:
        return key.replace(self._new, self._old) if self._new else key

    def read(self, key: str, version: str = "") -> bytes:
        return b"".join(self.stream(key, version))

    def stream(self, key: str, version: str = "") -> Iterator[bytes]:
        chunks = self._store.stream(self._real(key), version)
        yield from flipped(chunks) if key == self._flip else chunks

    def list(self, prefix: str = "") -> Iterator[Entry]:
        for entry in self._store.list(self._real(prefix)):
            yield replace(
                entry, key=entry.key.replace(self._old, self._new) if self._new else entry.key
            )

    def directories(self) -> Iterable[str]:
        return self._store.directories()

    def put(self, key: str, data: bytes, *, retain_until: datetime | None = None) -> Stored:
        raise StoreRefused("a negative control must not write")

    def upload(
        self, key: str, *, retain_until: datetime | None = None, size_hint: int = 0
    ) -> Upload:
        raise StoreRefused("a negative control must not write")

    def delete(self, key: str) -> None:
        raise StoreRefused("a negative control must not write")

    def sweep(self, older_than: datetime) -> int:
        return 0


def unseen(snapshot: Snapshot, *, trusted: str = "") -> list[str]:
    """The forgeries that the verification did not notice; [] if it noticed all."""
    name = snapshot.name
    key = layout.archive(name)
    flipped = Pane(snapshot.store, flip=layout.sealed(key) if snapshot.encrypted else key)
    other = f"{name}-forged"[-253:]
    renamed = Pane(snapshot.store, old=f"/{name}", new=f"/{other}")
    forgeries = {"a changed bit": (flipped, name), "another name": (renamed, other)}
    held = snapshot.manifest.volumes if snapshot.manifest else ()
    volumes = [each for each in held if each.kind != LOCAL]
    files = [each for each in volumes if not each.engine]
    if files:
        key = max(files, key=lambda each: each.bytes).key
        pane = Pane(snapshot.store, flip=layout.sealed(key) if snapshot.encrypted else key)
        forgeries["a changed bit of its data"] = (pane, name)
    shown = {
        what: opened(store, seen_as, snapshot.identities)
        for what, (store, seen_as) in forgeries.items()
    }
    if len(files) < len(volumes):
        shown["a changed bit of what an engine keeps"] = _Flipped(
            snapshot.store, snapshot.listed, snapshot.identities
        )
    missed = [what for what, forged in shown.items() if verify(forged, trusted=trusted).intact]
    if snapshot.encrypted and _readable(Snapshot(snapshot.store, snapshot.listed)):
        missed.append("reading it without its key")
    return missed


def _readable(keyless: Snapshot) -> bool:
    """A missing key has to be reported, and encrypted content must not be readable without it."""
    try:
        next(iter(keyless.archive()), None)
    except BadRequest:
        return False
    return True


class _Flipped(Snapshot):
    """One bit of each stream that an engine returns is changed."""

    def data(self, record: VolumeRecord) -> Iterator[bytes]:
        return flipped(super().data(record)) if record.engine else super().data(record)


def flipped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The first chunk with one changed bit, the others unchanged."""
    for number, chunk in enumerate(chunks):
        middle = len(chunk) // 2
        changed = bytes([chunk[middle] ^ 1])
        yield chunk if number else chunk[:middle] + changed + chunk[middle + 1 :]
