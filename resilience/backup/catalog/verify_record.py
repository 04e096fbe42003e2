"""The record of a verification: `backups/NAME/verified-TIME.json`, created once, never rewritten.

It identifies what was verified by its hash: that of the manifest for a snapshot of this program, of
velero-backup.json for one of Velero's. A record of something else, or one with a flipped bit,
does not count. A verification that found damage is recorded as well, and an earlier good one no
longer counts: retention must not prefer a damaged snapshot to the last good one. Records are
evidence for those who trust the store: with a trusted key, `intact` and drills verify again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Protocol

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.format import layout, limited
from resilience.backup.format.errors import Missing, Tampered


class Verified(Protocol):
    """The source of a record (`verify.Verification`, or a check of a backup of Velero's)."""

    objects: int
    bytes: int
    signed_by: str
    opened: bool

    @property
    def intact(self) -> bool:
        """Whether it is good."""

    def require(self) -> None:
        """`Tampered` unless it is good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """`manifest` is the hash that it refers to, `archive` the archive's if Velero wrote it,
    because nothing else keeps it. `opened` is false when encrypted content was not read, `damaged`
    says that the verification failed."""

    snapshot: str
    verified: datetime
    manifest: str
    objects: int = 0
    bytes: int = 0
    signer: str = ""
    opened: bool = True
    archive: str = ""
    damaged: bool = False


def record(
    snapshot: Snapshot, verification: Verified, moment: datetime, *, archive: str = ""
) -> str:
    """Store a good verification; returns the key."""
    verification.require()
    made = Record(
        snapshot=snapshot.name,
        verified=moment,
        manifest=_identity(snapshot),
        objects=verification.objects,
        bytes=verification.bytes,
        signer=verification.signed_by,
        opened=verification.opened,
        archive=archive,
    )
    return _stored(snapshot, made)


def record_damage(snapshot: Snapshot, moment: datetime) -> None:
    """Store that a verification failed. Not where the manifest itself cannot be accepted, as with
    another key than the trusted one: then this says nothing about the snapshot."""
    try:
        identity = _identity(snapshot)
    except (Tampered, Missing):
        return
    _stored(snapshot, Record(snapshot=snapshot.name, verified=moment, manifest=identity,
                             damaged=True))  # fmt: skip


def _stored(snapshot: Snapshot, made: Record) -> str:
    document = asdict(made) | {"verified": made.verified.isoformat()}
    key = layout.verification(snapshot.name, made.verified)
    snapshot.store.put(key, _with_check(json.dumps(document, sort_keys=True).encode()))
    return key


def _identity(snapshot: Snapshot) -> str:
    if snapshot.listed.ours:
        return snapshot.manifest_digest
    marker = limited.read(snapshot.store, snapshot.listed.marker, limited.MARKER)
    return hashlib.sha256(marker).hexdigest()


def _with_check(text: bytes) -> bytes:
    return text + b"\n" + hashlib.sha256(text).hexdigest().encode() + b"\n"


def understood(data: bytes) -> Record | None:
    """The record; None when any bit of it has changed."""
    text = data.partition(b"\n")[0]
    if _with_check(text) != data:
        return None
    try:
        return limited.record(Record, limited.parsed(text))
    except (ValueError, KeyError):
        return None


def newest(snapshot: Snapshot) -> Record | None:
    """The newest record of this very snapshot, good or not."""
    return next(_records(snapshot), None)


def latest(snapshot: Snapshot) -> Record | None:
    """The same; None if it says that the snapshot is damaged."""
    found = newest(snapshot)
    return None if found is None or found.damaged else found


def last_good(snapshot: Snapshot) -> Record | None:
    """The newest good record, whatever was found since."""
    return next((each for each in _records(snapshot) if not each.damaged), None)


def _records(snapshot: Snapshot) -> Iterator[Record]:
    """The newest first."""
    keys = snapshot.listed.verifications
    identity = _identity(snapshot) if keys else ""
    for key in reversed(keys):
        try:
            found = understood(limited.read(snapshot.store, key, limited.SMALL))
        except Tampered:
            continue
        if found and (found.manifest, found.snapshot) == (identity, snapshot.name):
            yield found


def recorded(snapshot: Snapshot) -> datetime | None:
    """When the snapshot was last verified; None for never, or if it was found damaged since."""
    found = latest(snapshot)
    return found.verified if found else None
