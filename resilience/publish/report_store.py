"""Reports in object storage: one folder for each session, never overwritten, deleted by age.

`PREFIX/20261129T031500Z-1f9a4c/` holds report.json, runs.json, report.html and summary.md. The
name begins with the UTC time of the session's end, so that names sort by time and age needs no
reading. The page is written last, so a folder with it is complete. Only folders of that form are
ever deleted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from resilience.backup.format.errors import Retained
from resilience.backup.store.base import Store

FORM = "%Y%m%dT%H%M%SZ"
_FOLDER = re.compile(r"(?P<time>\d{8}T\d{6}Z)-[0-9a-f]{6}")
LAST = "report.html"


@dataclass(frozen=True, slots=True)
class Saved:
    """The URL of the folder, and how many older ones were deleted."""

    url: str
    deleted: int


def save(
    files: Mapping[str, str], store: Store, *, now: datetime, mark: str, keep: timedelta | None
) -> Saved:
    """Write the files of one session; then delete folders older than `keep`. `mark` is six hex
    digits that distinguish sessions of the same second. StoreError when the store refuses."""
    folder = f"{now.astimezone(UTC).strftime(FORM)}-{mark}"
    for name in sorted(files, key=lambda each: each == LAST):
        store.put(f"{folder}/{name}", files[name].encode())
    deleted = 0 if keep is None else _delete(store, now - keep)
    base, _, query = store.url.partition("?")
    return Saved(f"{base.rstrip('/')}/{folder}{'?' + query if query else ''}", deleted)


def folders(store: Store) -> Iterator[tuple[str, datetime]]:
    """Each session's folder with its time, the oldest first."""
    for name in sorted(store.directories()):
        if match := _FOLDER.fullmatch(name):
            yield name, datetime.strptime(match["time"], FORM).replace(tzinfo=UTC)


def newest(store: Store, name: str) -> bytes:
    """The file of the newest session; b"" if there is none. StoreError when it cannot be read."""
    there = [folder for folder, _ in folders(store)]
    return store.read(f"{there[-1]}/{name}") if there else b""


def _delete(store: Store, before: datetime) -> int:
    """Delete the page first, so that a partly deleted folder never looks complete."""
    old = [name for name, time in folders(store) if time < before]
    return sum(_deleted(store, name) for name in old)


def _deleted(store: Store, folder: str) -> bool:
    """False for a folder that the store retains: the next session tries again."""
    keys = [entry.key for entry in store.list(f"{folder}/")]
    try:
        for key in sorted(keys, key=lambda each: not each.endswith(f"/{LAST}")):
            store.delete(key)
    except Retained:
        return False
    return True
