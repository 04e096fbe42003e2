"""A store in memory: the twin for tests, with the same guarantees and scripted failures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Self

from resilience.backup.format.errors import Exists, Missing, Retained
from resilience.backup.store.base import CHUNK, Entry, Stored


class MemoryStore:
    """`on_write(key)` is called before a write takes effect and may raise."""

    url = "memory:"

    def __init__(
        self,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        on_write: Callable[[str], None] = lambda key: None,
        overwrites_accepted: bool = False,
        honours_create_only: bool = True,
    ) -> None:
        self.files: dict[str, bytes] = {}
        self.overwrites_accepted = overwrites_accepted
        self._modified: dict[str, datetime] = {}
        self._retained: dict[str, datetime] = {}
        self._now = now
        self._on_write = on_write
        self._honours = honours_create_only

    def put(self, key: str, data: bytes, *, retain_until: datetime | None = None) -> Stored:
        self._on_write(key)
        if key in self.files and self._honours:
            raise Exists(f"{key} exists already in {self.url}")
        self.files[key] = data
        self._modified[key] = self._now()
        if retain_until:
            self._retained[key] = retain_until
        return Stored(key=key, size=len(data))

    def upload(
        self, key: str, *, retain_until: datetime | None = None, size_hint: int = 0
    ) -> _MemoryUpload:
        return _MemoryUpload(self, key, retain_until)

    def read(self, key: str, version: str = "") -> bytes:
        try:
            return self.files[key]
        except KeyError:
            raise Missing(f"{key} is not in {self.url}") from None

    def stream(self, key: str, version: str = "") -> Iterator[bytes]:
        data = self.read(key, version)
        for at in range(0, len(data), CHUNK):
            yield data[at : at + CHUNK]

    def list(self, prefix: str = "") -> Iterator[Entry]:
        for key in sorted(self.files):
            if key.startswith(prefix):
                yield Entry(key=key, size=len(self.files[key]), modified=self._modified[key])

    def directories(self) -> Iterable[str]:
        return sorted({key.split("/")[0] for key in self.files if "/" in key})

    def delete(self, key: str) -> None:
        until = self._retained.get(key)
        if until and until > self._now():
            raise Retained(f"{key} is locked until {until:%Y-%m-%d %H:%M} UTC")
        self.files.pop(key, None)

    def sweep(self, older_than: datetime) -> int:
        return 0


class _MemoryUpload:
    def __init__(self, store: MemoryStore, key: str, retain_until: datetime | None) -> None:
        self._store, self._key, self._retain_until = store, key, retain_until
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        self._parts.append(data)

    def commit(self) -> Stored:
        data = b"".join(self._parts)
        return self._store.put(self._key, data, retain_until=self._retain_until)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.clear()
