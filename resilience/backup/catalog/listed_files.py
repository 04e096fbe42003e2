"""Whether the store still lists each file of a snapshot with the size that was written.

Reading would prove more and costs more: this is for the overview, and for deciding which snapshots
are deleted because better ones stay. A file that a lifecycle rule, a full disk or a person took
away or cut is found. Velero keeps no sizes.
"""

from __future__ import annotations

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.format.errors import Tampered


def require_files(snapshot: Snapshot) -> None:
    """`Tampered` with the first file that is missing or has another size."""
    manifest = snapshot.manifest
    sizes = {each.key: each.size for each in snapshot.listed.entries}
    for record in manifest.files if manifest else ():
        size = sizes.get(record.key)
        if size is None:
            raise Tampered(f"snapshot {snapshot.name}: {record.key} is missing")
        if size != record.size:
            raise Tampered(
                f"snapshot {snapshot.name}: {record.key} has {size} bytes; {record.size} were "
                "written"
            )
