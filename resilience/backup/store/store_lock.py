"""A lock in a store, built only on create-only writes.

A lock is a chain of numbered records; to take, renew or release it is to create the next number,
which exactly one writer can. The last record says who holds it until when. The record of a dead
holder expires; one that returns late finds its number taken and knows that it has lost the lock.
Clocks of different hosts are compared, so an expiry counts only after a margin. Old records are
deleted if the store allows it; a bucket with a default retention keeps them.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from resilience.backup.format import layout, limited
from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.errors import (
    Busy,
    Exists,
    Missing,
    Retained,
    StoreError,
    StoreUnreachable,
    Tampered,
)
from resilience.backup.store import Store

MARGIN = timedelta(seconds=30)
_KEPT = 2
_LOOKS = 10
"""How often the last record is looked for, before the store's list is called wrong."""


@dataclass(frozen=True, slots=True)
class _Record:
    number: int
    holder: str
    until: datetime | None

    def held(self, now: datetime) -> bool:
        return self.until is not None and now < self.until + MARGIN


class Lock:
    """A named lock in a store; `ttl` is how long others wait for a dead holder. Its records are
    `below` a prefix, by default the one of its name."""

    def __init__(
        self,
        store: Store,
        name: str,
        holder: str,
        *,
        clock: Clock,
        ttl: timedelta = timedelta(minutes=10),
        below: str = "",
    ) -> None:
        self._store, self._name, self._holder = store, name, holder
        self._below = below or layout.locks(name)
        self._clock, self._ttl = clock, ttl
        self._number = 0
        self._until = datetime.max.replace(tzinfo=UTC)
        self._lost = ""

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock while the block runs, and keep renewing it; `Busy` names the current
        holder."""
        self.take()
        with self.kept():
            yield

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep renewing a lock that was taken, and release it at the end."""
        done = threading.Event()
        keeper = threading.Thread(target=self._keep, args=(done,), daemon=True)
        keeper.start()
        try:
            yield
        finally:
            done.set()
            keeper.join()
            self.free()

    def _keep(self, done: threading.Event) -> None:
        while not done.wait(self._ttl.total_seconds() / 3):
            try:
                self.renew()
            except StoreError:
                continue  # two more renewals can be tried; `require` checks the expiry itself
            except Busy as problem:
                self._lost = str(problem)
                return

    def require(self) -> None:
        """`Busy` when the lock was lost, or may have expired without renewal."""
        if self._lost:
            raise Busy(self._lost)
        if self._clock.now() >= self._until:
            raise Busy(f"{self._name}: the lock expired before the work was done")

    def take(self) -> None:
        """`Busy` when another holds it or was faster."""
        self._append(self.require_free() + 1, self._clock.now() + self._ttl)

    def require_free(self) -> int:
        """`Busy` when someone holds it; the number of its last record."""
        last = self._last()
        if last and last.held(self._clock.now()):
            raise Busy(
                f"{self._name} is locked by {last.holder}; the lock ends at "
                f"{last.until:%Y-%m-%d %H:%M:%S} UTC at the latest"
            )
        return last.number if last else 0

    def renew(self) -> None:
        """Renew the lock for another `ttl`; `Busy` when it was lost."""
        self._append(self._number + 1, self._clock.now() + self._ttl)

    def free(self) -> None:
        """Release the lock. A lock that was lost meanwhile is not touched; one that the store
        does not allow to be released expires by itself: the work under it is done."""
        try:
            self._append(self._number + 1, None)
        except (Busy, StoreError):
            return

    def _append(self, number: int, until: datetime | None) -> None:
        document = {"holder": self._holder, "until": until.isoformat() if until else None}
        try:
            self._store.put(f"{self._below}{number:012d}.json", json.dumps(document).encode())
        except Exists:
            raise Busy(f"{self._name}: someone else took its lock at the same moment") from None
        self._number = number
        if until:
            self._until = until
        self._forget(self._keys()[:-_KEPT])

    def _forget(self, keys: list[str]) -> None:
        """Delete old records, as far as retention locks allow."""
        for key in keys:
            try:
                self._store.delete(key)
            except Retained:
                continue

    def _keys(self) -> list[str]:
        return [entry.key for entry in self._store.list(self._below)]

    def _last(self) -> _Record | None:
        for _ in range(_LOOKS):
            keys = self._keys()
            if not keys:
                return None
            try:
                data = limited.read(self._store, keys[-1], limited.SMALL)
            except Missing:  # deleted by a holder that continued meanwhile
                continue
            return _read(keys[-1], data)
        raise StoreUnreachable(
            f"{self._store.url}: it lists {keys[-1]}, the record of a lock, but does not have it; "
            "its list is behind its content: try again later"
        )


def _read(key: str, data: bytes) -> _Record:
    try:
        return _understood(key, limited.mapping(limited.parsed(data), "it"))
    except ValueError as problem:
        raise Tampered(
            f"{key}, the record of a lock, is damaged ({problem}); delete it if no one is working"
        ) from None


def _understood(key: str, document: dict[str, Any]) -> _Record:
    number = key.rpartition("/")[2].removesuffix(".json")
    if not number.isdigit():
        raise ValueError("its name is not a number")
    until = document.get("until")
    return _Record(
        int(number),
        limited.name(document.get("holder"), "holder"),
        limited.moment(until, "until") if until else None,
    )
