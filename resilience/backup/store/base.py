"""The interface that the library requires of a store.

Writes are create-only: an existing key is never replaced (`Exists`). An upload becomes visible as a
whole at `commit` or not at all. Reads may name a version. Keys are relative to the store's prefix.
Implementations are safe to use from several threads and raise only `StoreError`s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

CHUNK = 1 << 20
"""Bytes per piece of a streamed read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A finished write. `version` is the store's VersionId, "" where it keeps none."""

    key: str
    size: int
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One listed key."""

    key: str
    size: int
    modified: datetime


class Upload(Protocol):
    """An upload of unknown length. Leaving the `with` block without `commit` leaves nothing."""

    def write(self, data: bytes) -> None:
        """Append."""

    def commit(self) -> Stored:
        """Make the object visible; `Exists` when another write was first."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Store(Protocol):
    """A place for snapshots."""

    @property
    def url(self) -> str:
        """The URL as the user wrote it; contains no credentials."""

    @property
    def overwrites_accepted(self) -> bool:
        """Whether the user has accepted a store that ignores create-only writes."""

    def put(self, key: str, data: bytes, *, retain_until: datetime | None = None) -> Stored:
        """Create one object from bytes."""

    def upload(
        self, key: str, *, retain_until: datetime | None = None, size_hint: int = 0
    ) -> Upload:
        """Create one object, as a stream. `size_hint` (bytes) chooses the size of its parts."""

    def read(self, key: str, version: str = "") -> bytes:
        """All bytes of a small object; `Missing` when absent."""

    def stream(self, key: str, version: str = "") -> Iterator[bytes]:
        """All bytes in pieces; a short read raises instead of ending early."""

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """Keys below a prefix, sorted."""

    def directories(self) -> Iterable[str]:
        """The first parts of all keys that have more than one: what Velero's validation sees."""

    def delete(self, key: str) -> None:
        """Remove a key; a missing one is fine, `Retained` when a lock or a permission forbids
        it."""

    def sweep(self, older_than: datetime) -> int:
        """Delete unfinished uploads that began before then; return how many."""
