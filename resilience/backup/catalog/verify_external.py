"""Whether the data that an engine keeps for a snapshot is what was written.

The engine has checks of its own; what counts here is that the stream it returns has the size and
the sha256 that the manifest recorded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.format.errors import Missing, Tampered
from resilience.backup.format.manifest import VolumeRecord


def elsewhere(snapshot: Snapshot) -> Iterator[str]:
    """A finding for each stream that differs; files of the snapshot are not read."""
    for record in snapshot.manifest.volumes if snapshot.manifest else ():
        if record.engine:
            yield from _flaw(snapshot, record)


def _flaw(snapshot: Snapshot, record: VolumeRecord) -> Iterator[str]:
    digest, size = hashlib.sha256(), 0
    try:
        for chunk in snapshot.data(record):
            digest.update(chunk)
            size += len(chunk)
    except (Missing, Tampered) as problem:
        yield f"{record.key} cannot be read: {problem}"
        return
    if (size, digest.hexdigest()) != (record.bytes, record.sha256):
        yield f"{record.key} was changed: {record.engine} returns other bytes than it received"
