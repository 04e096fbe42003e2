"""Records what a verification found: that it is good, or that the stored bytes are damaged."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.catalog.verify import verify
from resilience.backup.catalog.verify_record import Verified, record, record_damage


def record_found(
    snapshot: Snapshot, found: Verified, moment: datetime, *, archive: str = ""
) -> None:
    """Whichever it is."""
    if found.intact:
        record(snapshot, found, moment, archive=archive)
    else:
        note_damage(snapshot, moment)


def note_damage(snapshot: Snapshot, moment: datetime) -> None:
    """For a snapshot that was not intact. With another identity nothing can be opened, which says
    nothing about the bytes: they are looked at once more without it."""
    if snapshot.identities and verify(replace(snapshot, identities=())).intact:
        return
    record_damage(snapshot, moment)
