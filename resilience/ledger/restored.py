"""What a restored copy must hold: the recovery point, counted in writes. Pure.

Writes acknowledged before the snapshot began must be there. Those acknowledged while it was taken
may be. Those sent only after it had ended must not: the copy would be of another snapshot, or not a
copy at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resilience.ledger.records import Fate, Found, Span, Write


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """`missing` were acknowledged before the snapshot and are not in the copy; `later` were sent
    after it and are. `lost_writes` is the recovery point: acknowledged before the restore began,
    and not in the copy. `lost_seconds` is from the newest write in the copy to the beginning of
    the restore, None where the copy holds none. `bound` counts the writes that had to be there."""

    bound: int
    present: int
    missing: tuple[Write, ...]
    later: tuple[Write, ...]
    lost_writes: int
    lost_seconds: float | None


def recovery(writes: Sequence[Write], copy: Found, snapshot: Span, restore: Span) -> Recovery:
    """The recovery point of a copy that was read after `restore` had restored `snapshot`."""
    there = set(copy.values)
    acknowledged = [each for each in writes if each.fate is Fate.ACKNOWLEDGED]
    before = [each for each in acknowledged if _ended(each) < snapshot.since]
    at_stake = [each for each in acknowledged if _ended(each) <= restore.since]
    newest = max((_ended(each) for each in at_stake if each.key in there), default=None)
    return Recovery(
        bound=len(before),
        present=sum(each.key in there for each in writes),
        missing=tuple(each for each in before if each.key not in there),
        later=tuple(
            each
            for each in writes
            if each.key in there and each.invoked is not None and each.invoked > snapshot.until
        ),
        lost_writes=sum(each.key not in there for each in at_stake),
        lost_seconds=None if newest is None else restore.since - newest,
    )


def excused(snapshots: Sequence[Span], restores: Sequence[Span]) -> list[tuple[float, float]]:
    """The spans in which acknowledgements may be gone, where a service was itself restored: from
    the beginning of the snapshot that was brought back until the restore had ended."""
    spans = []
    for restore in restores:
        taken = [each for each in snapshots if each.until <= restore.since]
        named = [each for each in taken if each.name and each.name == restore.name] or taken
        since = named[-1].since if named else float("-inf")
        spans.append((since, restore.until))
    return spans


def _ended(write: Write) -> float:
    assert write.ended is not None, "acknowledged"
    return write.ended
