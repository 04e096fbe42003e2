"""Data that an engine keeps is deleted and copied together with its snapshot.

Data that no snapshot refers to is left alone for a day, since a snapshot in progress is invisible
until it is complete. A failure of the engine to clean up is reported and retried the next time: the
snapshots themselves are not affected.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import datetime, timedelta

from resilience.backup.catalog.catalog import Snapshot, listed
from resilience.backup.catalog.unlisted import has_marker
from resilience.backup.format import layout
from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.errors import BackupError, Tampered
from resilience.backup.format.manifest import VolumeRecord
from resilience.backup.restic import restic
from resilience.backup.store import Store


def swept(
    store: Store, gone: Collection[str], now: datetime, *, after: timedelta, dry_run: bool
) -> list[str]:
    """Remove data of the snapshots in `gone`, or of no snapshot; returns what it did."""
    if next(iter(store.list(layout.RESTIC + "/config")), None) is None:
        return []
    try:
        return _swept(store, gone, now - after, dry_run)
    except BackupError as problem:
        return [f"data that {restic.NAME} keeps for deleted snapshots stays: {problem}"]


def _swept(store: Store, gone: Collection[str], before: datetime, dry_run: bool) -> list[str]:
    repository = restic.repository(store)
    there = {each.name for each in listed(store)}
    loose = [
        key
        for key, moment in repository.recorded().items()
        if (name := layout.snapshot_of(key)) in gone
        or (name not in there and moment < before and not has_marker(store, name))
    ]
    if not loose:
        return []
    if not dry_run:
        repository.forget(loose)
        repository.free()
    streams = "1 stream" if len(loose) == 1 else f"{len(loose)} streams"
    return [f"{streams} of {restic.NAME}: {'would be deleted' if dry_run else 'deleted'}"]


def copied(snapshot: Snapshot, target: Store, clock: Clock) -> int:
    """Copy a snapshot's data from engines into another store's repository; return the number of
    bytes."""
    records = snapshot.manifest.volumes if snapshot.manifest else ()
    kept = [each for each in records if each.engine]
    if not kept:
        return 0
    repository = restic.made(target, clock)
    try:
        for record in kept:
            _copy(snapshot, record, repository)
    except BaseException:
        repository.forget(each.key for each in kept)
        raise
    return sum(each.bytes for each in kept)


def _copy(snapshot: Snapshot, record: VolumeRecord, repository: restic.ResticRepository) -> None:
    digest = hashlib.sha256()
    with repository.streamed(record.key) as write:
        for chunk in snapshot.data(record):
            digest.update(chunk)
            write(chunk)
        if digest.hexdigest() != record.sha256:
            raise Tampered(f"{record.key} is not what was written; nothing is copied")
