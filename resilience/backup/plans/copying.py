"""Copies a snapshot from one store to another."""

from __future__ import annotations

from resilience.backup.catalog.catalog import held_against, opened
from resilience.backup.data.external_data import copied
from resilience.backup.format.backup_clock import Clock
from resilience.backup.store import Store
from resilience.model.progress import track


def copy(source: Store, target: Store, name: str, *, clock: Clock) -> int:
    """Copy a snapshot to another store, file by file, its marker last; returns the bytes. A file
    that differs from the original ends the copy, which stays invisible."""
    snapshot = opened(source, name)
    keys = [entry.key for entry in snapshot.listed.entries if entry.key != snapshot.listed.marker]
    total = copied(snapshot, target, clock)
    files = {each.key: each for each in snapshot.manifest.files} if snapshot.manifest else {}
    whole = sum(entry.size for entry in snapshot.listed.entries)
    with track(f"copy {name}", total=whole, unit="byte") as done:
        for key in (*keys, snapshot.listed.marker):
            written = files.get(key)
            with target.upload(key) as upload:
                for chunk in held_against(source, written) if written else source.stream(key):
                    upload.write(chunk)
                    done(len(chunk))
                total += upload.commit().size
    return total
