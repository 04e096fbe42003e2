"""Snapshots that a delete marker hides, although a lock or the bucket's versioning still keeps
them.

Such a snapshot would otherwise look lost: it is listed with the date until which a lock keeps it,
and `backup undelete` makes it visible again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from resilience.backup.format import layout
from resilience.backup.format.errors import NoSnapshot
from resilience.backup.store import Store
from resilience.backup.store.s3_versions import hidden, locked_until, uncover


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenSnapshot:
    """`until` is when the lock ends; None when only the bucket's versioning keeps the snapshot."""

    name: str
    since: datetime
    until: datetime | None

    def __str__(self) -> str:
        kept = (
            f"a lock keeps it until {self.until:%Y-%m-%d %H:%M} UTC"
            if self.until
            else ("the bucket's versioning still keeps it")
        )
        return (
            f"snapshot {self.name} was deleted on {self.since:%Y-%m-%d %H:%M} UTC and is hidden by "
            f"delete markers; {kept}; `resilience backup undelete {self.name}` removes the markers"
        )


def hidden_snapshots(store: Store, name: str = "") -> list[HiddenSnapshot]:
    """Snapshots whose marker is hidden, by name."""
    found = []
    for each in hidden(store, layout.directory(name) if name else layout.BACKUPS):
        if layout.is_marker(each.key):
            until = locked_until(store, each)
            name_ = layout.snapshot_of(each.key)
            found.append(HiddenSnapshot(name=name_, since=each.since, until=until))
    return found


def undelete(store: Store, name: str) -> int:
    """Make a hidden snapshot visible again, its marker last; returns the number of files. The
    records of its verifications are included."""
    layout.checked_name(name)
    found = list(hidden(store, layout.directory(name)))
    if not any(layout.is_marker(each.key) for each in found):
        raise NoSnapshot(f"{store.url}: no snapshot {name} is hidden by delete markers")
    for each in sorted(found, key=lambda each: layout.is_marker(each.key)):
        uncover(store, each)
    return len(found)
