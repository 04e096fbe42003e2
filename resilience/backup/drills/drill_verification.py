"""The first part of a drill: is the snapshot what was written, and would a forgery be noticed?"""

from __future__ import annotations

from contextlib import suppress

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.catalog.damage import record_found
from resilience.backup.catalog.velero_check import check
from resilience.backup.catalog.velero_volumes import unread
from resilience.backup.catalog.verify import verify
from resilience.backup.drills.drill_report import DrillRecord
from resilience.backup.drills.negative_controls import unseen
from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.errors import BackupError
from resilience.backup.format.velero_backup import PARTIAL
from resilience.model.scenario import Plan
from resilience.model.verdict import Unit
from resilience.model.words import many

VOLUME_DATA = "volume-data"
"""In a plan's `accept`: volumes may stay empty if only Velero can read their data."""


class DrillVerification:
    """Of a snapshot that trusts whom the plan's keys trust."""

    def __init__(self, plan: Plan, snapshot: Snapshot, record: DrillRecord, clock: Clock) -> None:
        self._plan, self._snapshot = plan, snapshot
        self._record, self._clock = record, clock

    def control(self) -> None:
        """Whether the verification notices a changed bit and another name."""
        missed = unseen(self._snapshot, trusted=self._snapshot.trusted)
        self._record.find(
            "control",
            not missed,
            "forgeries are refused",
            f"not noticed: {', '.join(missed)}" if missed else "all were refused",
        )

    def verified(self) -> bool:
        """Whether the snapshot may be restored."""
        if not self._snapshot.listed.ours:
            return self._whole()
        with self._record.timed("verify"):
            found = verify(self._snapshot, trusted=self._snapshot.trusted)
        self._record.find(
            "intact",
            found.intact,
            "the snapshot is what was written",
            f"{many(found.objects, 'object')}, {many(len(found.findings), 'difference')}",
            found.findings[:10],
            float(found.bytes),
            unit=Unit.BYTES,
        )
        # A drill may lack the permission to write; `fresh` then relies on the backup's own records.
        with suppress(BackupError):
            record_found(self._snapshot, found, self._clock.now())
        return found.intact

    def _whole(self) -> bool:
        """Velero's own list is the only thing its archive can be compared with."""
        with self._record.timed("verify"):
            found = check(self._snapshot)
        self._record.find(
            "whole",
            found.intact,
            "everything that Velero listed is in its archive",
            f"{many(len(found.findings), 'finding')}" if found.findings else "nothing is missing",
            (*found.findings[:10], *found.warnings),
        )
        if found.partial and PARTIAL not in self._plan.accept:
            errors = many(self._snapshot.velero.errors, "error")
            self._record.find("phase", False, "Velero completed the backup", f"{PARTIAL}, {errors}",
                       (f"accept it by `accept: [{PARTIAL}]`",))  # fmt: skip
        if found.intact:
            self._volume_data()
        return found.intact

    def _volume_data(self) -> None:
        """A finding about volumes that stay empty: an empty volume is not a restore of its data."""
        lost = unread(self._snapshot)
        if lost and VOLUME_DATA not in self._plan.accept:
            advice = f"accept it by `accept: [{VOLUME_DATA}]`"
            self._record.find("volumes", False, "the data of every volume is restored",
                       f"{many(len(lost), 'volume')} only Velero can read",
                       (*map(str, lost[:10]), advice))  # fmt: skip
