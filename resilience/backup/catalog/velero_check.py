"""What can be said of a snapshot that Velero wrote: it keeps no hashes, but a list of its objects.

Held against the archive, that list tells a truncated or replaced tarball, which Velero itself never
looks for. It proves no content: a bit that was changed inside of an object is not seen.
"""

from __future__ import annotations

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.catalog.verify import verify
from resilience.backup.format.errors import BadArchive, Tampered
from resilience.backup.format.velero import Reading, copy_to_read, missing_from

_SHOWN = 5


def missing(snapshot: Snapshot) -> list[str]:
    """What the resource list names and the archive lacks; [] where there is no list, as before 1.2.
    An archive that cannot be read to its end is a sentence of its own."""
    listed = snapshot.side("resource-list")
    if not listed:
        return []
    try:
        return missing_from(listed, _held(snapshot))
    except BadArchive as problem:
        return [str(problem)]


def _held(snapshot: Snapshot) -> set[tuple[str, str, str]]:
    found = set()
    for each in Reading(copy_to_read(snapshot.archive())).objects(snapshot.archive()):
        obj = each.parsed()
        kind = f"{obj['apiVersion']}/{obj['kind']}"
        found.add((kind, each.address.namespace, each.address.name))
    return found


def require_intact(snapshot: Snapshot, *, trusted: str = "") -> None:
    """`Tampered` unless it is what was written, as far as its writer lets that be known."""
    if snapshot.listed.ours:
        verify(snapshot, trusted=trusted).require()
    elif lost := missing(snapshot):
        more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
        raise Tampered(
            f"snapshot {snapshot.name} of Velero lists what its archive lacks: "
            f"{', '.join(lost[:_SHOWN])}{more}; take an older one"
        )
