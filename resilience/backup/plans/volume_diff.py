"""The differences of volume data, as far as a comparison can find them. Pure."""

from __future__ import annotations

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.format.manifest import VolumeRecord
from resilience.backup.plans.cli_output import size


def volume_changes(was: Snapshot, now: Snapshot) -> list[str]:
    """One line for each volume or dump whose recorded content differs between two snapshots."""
    old, new = _records(was), _records(now)
    lines = []
    for key in sorted(old.keys() | new.keys()):
        name = f"{key[0]} {key[1]}/{key[2]}"
        if key not in new:
            lines.append(f"{name} was removed")
        elif key not in old:
            lines.append(f"{name} was added ({size(new[key].bytes)})")
        elif _content(old[key]) != _content(new[key]):
            lines.append(f"{name} changed ({size(old[key].bytes)} -> {size(new[key].bytes)})")
    return lines


def volumes_not_compared(snapshot: Snapshot) -> list[str]:
    """The data that a comparison with a cluster leaves out."""
    return [
        f"{key[0]} {key[1]}/{key[2]}: its data is not compared with the cluster"
        for key in sorted(_records(snapshot))
    ]


def _records(snapshot: Snapshot) -> dict[tuple[str, str, str], VolumeRecord]:
    records = snapshot.manifest.volumes if snapshot.manifest else ()
    return {
        ("dump" if each.kind == "dump" else "volume", each.namespace, each.claim): each
        for each in records
        if each.kind in ("tar", "dump")
    }


def _content(record: VolumeRecord) -> str:
    """The hash of the files, if known; a stream also contains access times."""
    return record.tree or record.sha256
