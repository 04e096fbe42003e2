"""What a snapshot lacks, for its manifest and for the person who took it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from resilience.backup.format.manifest import VolumeRecord
from resilience.backup.format.object_index import Lines
from resilience.backup.objects.related import Need
from resilience.backup.take.collect import Collected

_MOST_WARNINGS = 500
"""The manifest is of bounded size, whatever a cluster holds."""


def without_data(found: Collected, volumes: Sequence[VolumeRecord]) -> tuple[str, ...]:
    """Bound claims whose data is not in the snapshot."""
    taken = {(each.namespace, each.claim) for each in volumes if each.kind != "dump"}
    return tuple(
        f"{namespace}/{name}"
        for namespace, name, volume in sorted(found.claims)
        if volume and (namespace, name) not in taken
    )


def volume_warnings(volumes: Sequence[VolumeRecord]) -> list[str]:
    """Warnings about data that the recorded volumes lack."""
    return [
        f"volume {each.namespace}/{each.claim}: {warning}"
        for each in volumes
        for warning in each.warnings
    ]


def collection_warnings(found: Collected) -> list[str]:
    """Warnings about what was collected, and what was left out."""
    said = sorted(found.dangling) + sorted(found.left_out)
    more = len(said) - _MOST_WARNINGS
    return said[:_MOST_WARNINGS] + ([f"and {more} more"] if more > 0 else [])


def dangling(needed: set[Need], lines: Lines) -> Iterator[str]:
    """What the objects refer to and the snapshot lacks."""
    wanted = {need for need in needed if need.namespace}
    if wanted:
        for line in lines:
            at = line.address
            wanted.discard(Need(at.resource, at.namespace, at.name))
    return (f"{need} is referred to, but is not in the snapshot" for need in wanted)
