"""One upload of unknown length to Google Cloud Storage or Azure Blob Storage.

Parts go to a name of their own below `.uploads/`; what a killed run leaves there is invisible.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from resilience.backup.format.errors import Retained
from resilience.backup.store.base import Stored

if TYPE_CHECKING:
    from resilience.backup.store.cloud.object_store import ObjectStore

OWNER = "resiliencewrite"
"""Metadata key of the id that tells our own object from someone else's. Azure allows letters."""

UPLOADS = ".uploads"
_PART = 8 << 20
_MOST_PARTS = 10_000


class ObjectUpload:
    """See `Upload`. What fits in one part is one create-only write; memory is two parts."""

    def __init__(self, store: ObjectStore, key: str, write: str, size_hint: int) -> None:
        self._store, self._key, self._write_id = store, key, write
        self._part = max(_PART, size_hint * 5 // 4 // _MOST_PARTS)
        self._temporary = f"{UPLOADS}/{write}"
        self._buffer, self._size = bytearray(), 0
        self._writer: Any = None

    def write(self, data: bytes) -> None:
        self._size += len(data)
        if self._writer is None and self._size <= self._part:
            self._buffer += data
            return
        if self._writer is None:
            self._begin()
        self._store.ask(self._key, lambda: self._writer.write(data), size=self._part)

    def _begin(self) -> None:
        import obstore

        self._writer = obstore.open_writer(
            self._store.bucket,
            self._store.full_key(self._temporary),
            attributes={OWNER: self._write_id},
            buffer_size=self._part,
            max_concurrency=1,
        )
        first = bytes(self._buffer)
        self._store.ask(self._key, lambda: self._writer.write(first), size=self._part)
        self._buffer.clear()

    def commit(self) -> Stored:
        if self._writer is None:
            self._store.put(self._key, bytes(self._buffer))
        else:
            self._store.ask(self._key, self._writer.close, size=2 * self._part)
            self._store.take_over(self._temporary, self._key, self._write_id, self._size)
        return Stored(key=self._key, size=self._size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            with suppress(Retained):  # a rule of the bucket, or a privileged `prune`, removes it
                self._store.delete(self._temporary)
