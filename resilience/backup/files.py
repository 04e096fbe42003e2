"""The files of one snapshot on their way into the store: hashed, sealed if asked, remembered.

What was written is known at any moment, so that a failed snapshot can be taken back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from resilience.backup import encrypt, layout
from resilience.backup.errors import StoreError
from resilience.backup.manifest import FileRecord
from resilience.backup.pipe import Feed, Stage
from resilience.backup.store import Store, Upload


class Files:
    """Writes files; `records` are the finished ones."""

    def __init__(
        self, store: Store, *, recipients: Sequence[str] = (), retain_until: datetime | None = None
    ) -> None:
        self._store, self._recipients, self._retain_until = store, recipients, retain_until
        self.records: list[FileRecord] = []

    def put(self, key: str, data: bytes) -> None:
        """One small file."""
        with self.streamed(key) as write:
            write(data)

    @contextmanager
    def streamed(self, key: str, *, size_hint: int = 0) -> Iterator[Callable[[bytes], object]]:
        """One file as a stream: it is there when the block ends well, and not otherwise."""
        if self._recipients:
            key = layout.sealed(key)
        with self._store.upload(
            key, retain_until=self._retain_until, size_hint=size_hint
        ) as upload:
            hashing = _Hashing(upload)
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
        """age pulls while we push."""

        def seal(chunks: Iterator[bytes]) -> None:
            encrypt.sealed(chunks, self._recipients, hashing.write)

        with Feed(seal) as feed:
            yield feed.put
            feed.close()

    def take_back(self) -> None:
        """Delete what was written, newest first; what the store refuses to delete stays invisible,
        because the marker was never written."""
        for record in reversed(self.records):
            try:
                self._store.delete(record.key)
            except StoreError:
                continue
        self.records.clear()


class _Hashing:
    """Counts and hashes on the way to the upload."""

    def __init__(self, upload: Upload) -> None:
        self._upload = upload
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        self._hash.update(data)
        self.size += len(data)
        self._upload.write(data)

    def digest(self) -> str:
        return self._hash.hexdigest()
