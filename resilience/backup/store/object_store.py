"""Google Cloud Storage and Azure Blob Storage, by obstore (Rust's object_store).

Create-only is the service's own condition (`ifGenerationMatch: 0`, `If-None-Match: *`). A large
upload cannot carry it, so its parts go to a name of their own below `.uploads/`, which is copied
create-only inside the service at the end, and deleted; what a killed run leaves there is invisible
and swept. A write whose answer was lost is recognized by an id in the object's metadata. Neither
service locks single objects as S3 does: use a retention policy of the bucket.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import cached_property
from typing import Any, Self
from uuid import uuid4

from resilience.backup.format.errors import BadRequest, Exists, Missing, StoreUnreachable
from resilience.backup.store.base import CHUNK, Entry, Stored
from resilience.backup.store.object_store_errors import explained

OWNER = "resiliencewrite"
"""Metadata key of the id that tells our own object from someone else's. Azure allows letters."""

_PART = 8 << 20
_MOST_PARTS = 10_000
_UPLOADS = ".uploads"


class ObjectStore:
    """A bucket or container, or a prefix in one. `connect` makes obstore's store on first use."""

    def __init__(self, connect: Callable[[], Any], *, url: str, prefix: str = "") -> None:
        self._connect, self.url = connect, url
        self.overwrites_accepted = False
        self._prefix = f"{prefix}/" if prefix else ""

    @cached_property
    def bucket(self) -> Any:
        """obstore's store; the import takes a while, so it is made on first use."""
        with explained(self.url, ""):
            return self._connect()

    def put(self, key: str, data: bytes, *, retain_until: datetime | None = None) -> Stored:
        import obstore

        write = self._mark(retain_until)
        self._settle(
            key,
            write,
            lambda: obstore.put(
                self.bucket,
                self.full_key(key),
                data,
                attributes={OWNER: write},
                mode="create",
                use_multipart=False,
            ),
        )
        return Stored(key=key, size=len(data))

    def upload(
        self, key: str, *, retain_until: datetime | None = None, size_hint: int = 0
    ) -> _Upload:
        return _Upload(self, key, self._mark(retain_until), size_hint)

    def read(self, key: str, version: str = "") -> bytes:
        return b"".join(self.stream(key, version))

    def stream(self, key: str, version: str = "") -> Iterator[bytes]:
        import obstore

        at, size = 0, 0
        with explained(self.url, key):
            answer = obstore.get(self.bucket, self.full_key(key))
            size = answer.meta["size"]
            for piece in answer.stream(min_chunk_size=CHUNK) if size else ():
                data = bytes(piece)
                at += len(data)
                yield data
        if at != size:
            raise StoreUnreachable(f"{self.url}: reading {key} was cut at {at} of {size} bytes")

    def list(self, prefix: str = "") -> Iterator[Entry]:
        folder = (self._prefix + prefix).rpartition("/")[0]
        found = [
            Entry(key=key, size=each["size"], modified=each["last_modified"])
            for each in self._listed(folder)
            if (key := self.key_of(each["path"])).startswith(prefix)
            and not key.startswith(f"{_UPLOADS}/")
        ]
        return iter(sorted(found, key=lambda entry: entry.key))

    def directories(self) -> Iterable[str]:
        import obstore

        with explained(self.url, ""):
            found = obstore.list_with_delimiter(self.bucket, self._prefix.rstrip("/") or None)
        names = (self.key_of(each).strip("/") for each in found["common_prefixes"])
        return sorted(name for name in names if name != _UPLOADS)

    def delete(self, key: str) -> None:
        import obstore

        try:
            with explained(self.url, key):
                obstore.delete(self.bucket, self.full_key(key))
        except Missing:
            return

    def sweep(self, older_than: datetime) -> int:
        old = [
            self.key_of(each["path"])
            for each in self._listed(self.full_key(_UPLOADS))
            if each["last_modified"] < older_than
        ]
        for key in old:
            self.delete(key)
        return len(old)

    def full_key(self, key: str) -> str:
        """A key as the bucket has it."""
        return self._prefix + key

    def key_of(self, full: str) -> str:
        """The other way."""
        return full.removeprefix(self._prefix)

    def take_over(self, temporary: str, key: str, write: str, size: int) -> None:
        """The upload at `temporary` becomes `key`, which must not exist."""
        import obstore

        places = self.full_key(temporary), self.full_key(key)
        self._settle(key, write, lambda: obstore.copy(self.bucket, *places, overwrite=False))
        with explained(self.url, key):
            made = obstore.head(self.bucket, self.full_key(key))["size"]
        if made != size:
            raise StoreUnreachable(f"{self.url}: {key} has {made} bytes after it was copied; "
                                   f"expected {size}")  # fmt: skip

    def _listed(self, folder: str) -> Iterator[Any]:
        import obstore

        with explained(self.url, folder):
            for page in obstore.list(self.bucket, prefix=folder or None):
                yield from page

    def _mark(self, retain_until: datetime | None) -> str:
        if retain_until:
            raise BadRequest(
                f"{self.url} cannot lock single objects; set a retention policy on the bucket "
                "itself, or use S3 with Object Lock"
            )
        return uuid4().hex

    def _settle(self, key: str, write: str, act: Callable[[], object]) -> None:
        """Carry out a create-only write; one that meets its own object has succeeded before."""
        try:
            with explained(self.url, key):
                act()
        except Exists:
            if self._owner(key) != write:
                raise

    def _owner(self, key: str) -> str:
        import obstore

        with explained(self.url, key):
            found = obstore.get(self.bucket, self.full_key(key), options={"head": True})
            return str(found.attributes.get(OWNER, ""))


class _Upload:
    """See `Upload`. What fits in one part is one create-only write; memory is two parts."""

    def __init__(self, store: ObjectStore, key: str, write: str, size_hint: int) -> None:
        self._store, self._key, self._write_id = store, key, write
        self._part = max(_PART, size_hint * 5 // 4 // _MOST_PARTS)
        self._temporary = f"{_UPLOADS}/{write}"
        self._buffer, self._size = bytearray(), 0
        self._writer: Any = None

    def write(self, data: bytes) -> None:
        self._size += len(data)
        if self._writer is None and self._size <= self._part:
            self._buffer += data
            return
        with explained(self._store.url, self._key):
            if self._writer is None:
                self._begin()
            self._writer.write(data)

    def _begin(self) -> None:
        import obstore

        self._writer = obstore.open_writer(
            self._store.bucket,
            self._store.full_key(self._temporary),
            attributes={OWNER: self._write_id},
            buffer_size=self._part,
            max_concurrency=1,
        )
        self._writer.write(bytes(self._buffer))
        self._buffer.clear()

    def commit(self) -> Stored:
        if self._writer is None:
            self._store.put(self._key, bytes(self._buffer))
        else:
            with explained(self._store.url, self._key):
                self._writer.close()
            self._store.take_over(self._temporary, self._key, self._write_id, self._size)
        return Stored(key=self._key, size=self._size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._store.delete(self._temporary)
