"""A stored stream that is passed on only after all its bytes are verified.

Programs that read a dump (`psql`, `mysql`) act on it while it arrives, but its hash is only known
at the end. So the stream is first written to a nameless temporary file, which disappears with the
process, and compared with the manifest. If the disk has too little space, the stream is passed on
as it arrives, and the result says so.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.format.errors import Tampered, VolumeFailed
from resilience.backup.format.manifest import VolumeRecord

_BLOCK = 1 << 20
_LEFT = 256 << 20
"""Bytes to leave free, since others write to that disk as well."""


def free() -> int:
    """Bytes that may be written to the directory of temporary files."""
    return shutil.disk_usage(tempfile.gettempdir()).free - _LEFT


@contextmanager
def staged(
    snapshot: Snapshot, record: VolumeRecord, what: str, room: Callable[[], int] = free
) -> Iterator[tuple[Iterator[bytes], str]]:
    """The stream, and a warning ("" if its bytes are verified). Raises VolumeFailed if they are not
    the recorded bytes; then nothing was passed on."""
    if record.bytes > room():
        warning = (
            f"{tempfile.gettempdir()} has no room for {record.bytes} bytes, so they were checked"
            " while they were loaded, not before; set TMPDIR to a larger disk"
        )
        yield snapshot.data(record), warning
        return
    with tempfile.TemporaryFile() as file:
        digest, size = hashlib.sha256(), 0
        try:
            for chunk in snapshot.data(record):
                size += len(chunk)
                if size > record.bytes:
                    break
                digest.update(chunk)
                file.write(chunk)
        except Tampered as problem:
            raise VolumeFailed(f"{what}: {problem}; nothing was loaded") from problem
        if (size, digest.hexdigest()) != (record.bytes, record.sha256):
            raise VolumeFailed(
                f"{what}: the stored dump is not the one that was recorded; nothing was loaded."
                " Choose another snapshot"
            )
        file.seek(0, os.SEEK_SET)
        yield iter(lambda: file.read(_BLOCK), b""), ""
