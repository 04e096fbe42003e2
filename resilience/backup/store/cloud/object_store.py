"""Google Cloud Storage and Azure Blob Storage, by obstore (Rust's object_store).

Create-only is the service's own condition (`ifGenerationMatch: 0`, `If-None-Match: *`). A large
upload cannot carry it, so its parts go to a name of their own below `.uploads/`, which is copied
create-only inside the service at the end, and deleted; what a killed run leaves there is invisible
and swept. A write whose answer was lost is recognized by an id in the object's metadata. Neither
service locks single objects as S3 does: use a retention policy of the bucket.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar
from uuid import uuid4

from resilience.backup.format.errors import (
    BadRequest,
    Exists,
    Missing,
    StoreRefused,
    StoreUnreachable,
)
from resilience.backup.store.answers.patience import PATIENCE, SLOWEST, paced, within
from resilience.backup.store.answers.undeletable import undeletable
from resilience.backup.store.answers.whole_lists import PROXY, collected, replaced, require_below
from resilience.backup.store.base import CHUNK, Entry, Stored
from resilience.backup.store.cloud.object_store_errors import explained
from resilience.backup.store.cloud.object_upload import OWNER, UPLOADS, ObjectUpload

T = TypeVar("T")

_PAGE = 1000

_CONTINUE = 5
"""How often one read is continued after it was cut."""


class ObjectStore:
    """A bucket or container, or a prefix in one. `connect` makes obstore's store on first use."""

    def __init__(
        self, connect: Callable[[], Any], *, url: str, prefix: str = "", offsets: bool = True
    ) -> None:
        self._connect, self.url, self._offsets = connect, url, offsets
        self.patience = PATIENCE
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
            size=len(data),
        )
        return Stored(key=key, size=len(data))

    def upload(
        self, key: str, *, retain_until: datetime | None = None, size_hint: int = 0
    ) -> ObjectUpload:
        return ObjectUpload(self, key, self._mark(retain_until), size_hint)

    def read(self, key: str, version: str = "") -> bytes:
        return b"".join(self.stream(key, version))

    def stream(self, key: str, version: str = "") -> Iterator[bytes]:
        return paced(self._stream(key), self.patience, f"{self.url}: reading {key}")

    def _stream(self, key: str) -> Iterator[bytes]:
        reading, cut = _Rest(), ""
        for _ in range(_CONTINUE):
            try:
                yield from reading.pieces(self, key)
            except StoreUnreachable as problem:
                if not reading.began:
                    raise
                cut = f" ({problem})"
            except Exists:
                raise replaced(f"{self.url}: {key}") from None
            if reading.at >= reading.size:
                break
        if reading.at != reading.size:
            raise StoreUnreachable(
                f"{self.url}: reading {key} was cut at {reading.at} of {reading.size} bytes{cut}"
            )

    def list(self, prefix: str = "") -> Iterator[Entry]:
        folder = (self._prefix + prefix).rpartition("/")[0]
        return (
            entry
            for entry in collected(self._pages(folder), self.url)
            if entry.key.startswith(prefix) and not entry.key.startswith(f"{UPLOADS}/")
        )

    def directories(self) -> Iterable[str]:
        import obstore

        prefix = self._prefix.rstrip("/")
        found = self.ask("", lambda: obstore.list_with_delimiter(self.bucket, prefix or None))
        if not found["common_prefixes"]:
            self._require_answers()
        names = (
            self.key_of(require_below(each, self._prefix, self.url)).strip("/")
            for each in found["common_prefixes"]
        )
        return sorted(name for name in names if name != UPLOADS)

    def delete(self, key: str) -> None:
        import obstore

        try:
            with undeletable():
                self.ask(key, lambda: obstore.delete(self.bucket, self.full_key(key)))
        except Missing:
            return

    def sweep(self, older_than: datetime) -> int:
        found = collected(self._pages(self.full_key(UPLOADS)), self.url)
        old = [each.key for each in found if each.modified < older_than]
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
        made = self.ask(key, lambda: obstore.head(self.bucket, self.full_key(key)))["size"]
        if made != size:
            raise StoreUnreachable(f"{self.url}: {key} has {made} bytes after it was copied; "
                                   f"expected {size}")  # fmt: skip

    def ask(self, key: str, act: Callable[[], T], *, size: int = 0) -> T:
        """The answer to one request, whose body has `size` bytes."""
        with explained(self.url, key):
            return within(self.patience + size / SLOWEST, f"{self.url}: {key}".rstrip(": "), act)

    def _pages(self, folder: str) -> Iterator[Sequence[Entry]]:
        """What is listed; then, for a service that takes an offset (Google's), what follows the
        last of it: obstore does not tell whether a list was called incomplete without saying where
        it continues."""
        last, before, pages = "", "", self._pages_after(folder, "")
        while True:
            for page in pages:
                after = [each for each in page if self.full_key(each.key) > before]
                last = max([last, *(self.full_key(each.key) for each in after)])
                yield after
            if last == before or not self._offsets:
                break
            before, pages = last, self._pages_after(folder, last)
        if not last:
            self._require_answers()

    def _pages_after(self, folder: str, last: str) -> Iterator[Sequence[Entry]]:
        import obstore

        below = f"{folder}/" if folder else ""
        stream = obstore.list(
            self.bucket, prefix=folder or None, offset=last or None, chunk_size=_PAGE
        )
        while page := self.ask(folder, lambda: next(stream, None)):
            yield [
                Entry(
                    key=self.key_of(require_below(each["path"], below, self.url)),
                    size=each["size"],
                    modified=each["last_modified"],
                )
                for each in page
            ]

    def _require_answers(self) -> None:
        """Nothing was listed. A page of a proxy is an empty list as well, so a store has to say of
        a key which nothing has that there is none."""
        import obstore

        none = f"{UPLOADS}/{uuid4().hex}"
        try:
            self.ask(none, lambda: obstore.head(self.bucket, self.full_key(none)))
        except (Missing, StoreRefused):
            return
        except StoreUnreachable as problem:
            raise StoreUnreachable(f"{problem}; {PROXY}") from problem
        raise StoreUnreachable(
            f"{self.url}: the store lists nothing, but has {none}, which nobody wrote; {PROXY}"
        )

    def _mark(self, retain_until: datetime | None) -> str:
        if retain_until:
            raise BadRequest(
                f"{self.url} cannot lock single objects; set a retention policy on the bucket "
                "itself, or use S3 with Object Lock"
            )
        return uuid4().hex

    def _settle(self, key: str, write: str, act: Callable[[], object], *, size: int = 0) -> None:
        """Carry out a create-only write; one that meets its own object has succeeded before."""
        try:
            self.ask(key, act, size=size)
        except Exists:
            if self._owner(key) != write:
                raise

    def _owner(self, key: str) -> str:
        import obstore

        found = self.ask(
            key, lambda: obstore.get(self.bucket, self.full_key(key), options={"head": True})
        )
        return str(found.attributes.get(OWNER, ""))


class _Rest:
    """One object, read in as many requests as it takes: all of them have the ETag of the first."""

    def __init__(self) -> None:
        self.began = False
        self.at = self.size = 0
        self._etag: str | None = None

    def pieces(self, store: ObjectStore, key: str) -> Iterator[bytes]:
        """What one more request gives."""
        import obstore

        options: dict[str, Any] = {"range": {"offset": self.at}} if self.at else {}
        if self._etag:
            options["if_match"] = self._etag
        with explained(store.url, key, reading=True):
            answer = obstore.get(store.bucket, store.full_key(key), options=options or None)
            size, etag = answer.meta["size"], answer.meta.get("e_tag")
            if self.began and (size, etag) != (self.size, self._etag):
                raise Exists(f"{store.url}: {key} is another object now")
            self.began, self.size, self._etag = True, size, etag
            for piece in answer.stream(min_chunk_size=CHUNK) if size else ():
                data = bytes(piece)
                self.at += len(data)
                yield data
