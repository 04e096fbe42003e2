"""The files of one snapshot on their way into the store: hashed, encrypted if requested, recorded.

What was written is known at any moment, so that a failed snapshot can be deleted again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from functools import partial
from typing import Protocol

from resilience.backup.format import encrypt, layout
from resilience.backup.format.errors import BackupError, StoreError
from resilience.backup.format.manifest import FileRecord, VolumeRecord
from resilience.backup.format.pipe import Feed, Stage, abreast
from resilience.backup.store import Store, Upload
from resilience.backup.store.unfinished.saved_volumes import SavedVolumes
from resilience.cluster.errors import ClusterError


class Repository(Protocol):
    """An engine that keeps streams apart from the snapshot's own files."""

    @property
    def engine(self) -> str:
        """The engine's name in the manifest."""

    def streamed(self, key: str) -> AbstractContextManager[Callable[[bytes], object]]:
        """One stream, which is kept only if the block ends without an error."""

    def forget(self, keys: Iterable[str]) -> None:
        """Delete these streams, if they exist."""


class Files:
    """Writes files; `records` are the finished ones."""

    def __init__(
        self,
        store: Store,
        *,
        recipients: Sequence[str] = (),
        retain_until: datetime | None = None,
        repository: Repository | None = None,
        saved: SavedVolumes | None = None,
    ) -> None:
        self._store, self._recipients, self._retain_until = store, recipients, retain_until
        self._repository = repository
        self._undo = list[tuple[str, Callable[[], object]]]()
        self._then = list[Callable[[], object]]()
        self.saved = saved
        self.records: list[FileRecord] = []

    @property
    def engine(self) -> str:
        """What keeps the data of volumes and dumps, "" for the snapshot itself."""
        return self._repository.engine if self._repository else ""

    def data(
        self, key: str, digest: Callable[[], str], *, size_hint: int = 0
    ) -> AbstractContextManager[Callable[[bytes], object]]:
        """The stream of a volume or dump, into the repository if there is one. `digest`: the sha256
        of all that was written. `size_hint`: the most bytes that can come, 0 if unknown."""
        if not self._repository:
            return self.streamed(key, size_hint=size_hint, digest=digest)
        self.on_failure(partial(self._repository.forget, [key]), key)
        return self._repository.streamed(key)

    def on_failure(self, undo: Callable[[], object], key: str = "") -> None:
        """Register another stream to delete together with the files; one that is saved under its
        `key` stays with them."""
        self._undo.append((key, undo))

    def saved_now(self, volume: VolumeRecord, claim: tuple[str, str], began: datetime) -> None:
        """Record that a volume is complete; `claim` is its uid and its disk."""
        if self.saved is not None:
            files = [each for each in self.records if each.key.startswith(volume.key)][-1:]
            self.saved.add(volume, [] if self._repository else files, claim, began)

    def saved_before(self, namespace: str, claim: str) -> VolumeRecord:
        """Take over a volume that this snapshot has saved in an earlier run."""
        assert self.saved is not None
        found = self.saved.use((namespace, claim))
        self.records += found.files
        return found.volume

    def on_success(self, then: Callable[[], object]) -> None:
        """What to do once the snapshot is complete."""
        self._then.append(then)

    def committed(self) -> None:
        """Run the registered actions: the snapshot is complete."""
        for then in self._then:
            then()

    def put(self, key: str, data: bytes) -> None:
        """One small file, without the threads of a stream."""
        if self._recipients:
            with self.streamed(key) as write:
                write(data)
            return
        stored = self._store.put(key, data, retain_until=self._retain_until)
        digest = hashlib.sha256(data).hexdigest()
        self.records.append(
            FileRecord(key=key, size=len(data), sha256=digest, version=stored.version)
        )

    def put_all(self, files: Mapping[str, bytes]) -> None:
        """Several small files at the same time, since each takes a store's answer time; recorded in
        this order. If one fails, those that were written are recorded."""
        before = len(self.records)
        place = {key: at for at, each in enumerate(files) for key in (each, layout.sealed(each))}
        try:
            abreast(partial(self.put, key, data) for key, data in files.items())
        finally:
            self.records[before:] = sorted(self.records[before:], key=lambda it: place[it.key])

    @contextmanager
    def streamed(
        self, key: str, *, size_hint: int = 0, digest: Callable[[], str] | None = None
    ) -> Iterator[Callable[[bytes], object]]:
        """One file as a stream, which exists only if the block ends without an error. `digest`: the
        sha256 of all that was written, if the caller has it: hashing costs as much as sending."""
        if self._recipients:
            key = layout.sealed(key)
        with self._store.upload(
            key, retain_until=self._retain_until, size_hint=size_hint
        ) as upload:
            hashing = _Hashing(upload, None if self._recipients else digest)
            if self._recipients:
                with self._sealing(hashing) as write:
                    yield write
            else:
                with Stage(hashing.write) as stage:
                    yield stage.put
                    stage.close()
            stored = upload.commit()
        self.records.append(
            FileRecord(key=key, size=hashing.size, sha256=hashing.digest(), version=stored.version)
        )

    @contextmanager
    def _sealing(self, hashing: _Hashing) -> Iterator[Callable[[bytes], object]]:
        """Encrypt on another thread: age reads its input, while this side writes."""

        def seal(chunks: Iterator[bytes]) -> None:
            encrypt.sealed(chunks, self._recipients, hashing.write)

        with Feed(seal) as feed:
            yield feed.put
            feed.close()

    def take_back(self, *, mine: bool = True) -> None:
        """Delete what was written, newest first; files that the store refuses to delete stay
        invisible, because the marker was never written. Where the keys are not `mine` any more,
        another run may have written them again: only what is not in the store is deleted."""
        stay = self.saved.keys if self.saved is not None and self.saved.stays else set()
        for key, undo in reversed(self._undo):
            if key not in stay and (mine or not key):
                with suppress(BackupError, ClusterError):
                    undo()
        if not mine:
            return
        for record in reversed(self.records):
            if record.key in stay:
                continue
            try:
                self._store.delete(record.key)
            except StoreError:
                continue
        self.records.clear()


class _Hashing:
    """Counts and hashes the bytes on their way to the upload, unless their `digest` is known."""

    def __init__(self, upload: Upload, digest: Callable[[], str] | None) -> None:
        self._upload, self._known = upload, digest
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        if self._known is None:
            self._hash.update(data)
        self.size += len(data)
        self._upload.write(data)

    def digest(self) -> str:
        return self._known() if self._known else self._hash.hexdigest()
