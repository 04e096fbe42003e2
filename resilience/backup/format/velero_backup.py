"""velero-backup.json (Ark's `ark-backup.json`): Velero's own record of a backup.

Velero's fields are defined in its pkg/apis/velero/v1/backup_types.go; unneeded ones are not read. A
document with the wrong shape, or of another backup than its directory says, is `Tampered`. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from resilience.backup.format import limited
from resilience.backup.format.errors import Tampered
from resilience.model.masks import excerpt

COMPLETED, PARTIAL = "Completed", "PartiallyFailed"
FINAL = (COMPLETED, PARTIAL)
"""The phases of a backup whose archive is whole. A `Failed` backup has no archive or a partial one;
in any other phase Velero is still working, or died while working."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VeleroBackup:
    """`errors` and `warnings` are Velero's own counts; `included` may hold patterns."""

    name: str
    phase: str = ""
    started: datetime | None = None
    errors: int = 0
    warnings: int = 0
    included: tuple[str, ...] = ()
    failure: str = ""

    @classmethod
    def decoded(cls, data: bytes, name: str) -> Self:
        """Read the document; `name` is the name of its directory."""
        try:
            document = limited.mapping(limited.parsed(data), "it")
            metadata = limited.mapping(document.get("metadata"), "metadata")
            spec = limited.mapping(document.get("spec"), "spec")
            status = limited.mapping(document.get("status"), "status")
            began = status.get("startTimestamp")
            found = cls(
                name=limited.name(metadata.get("name"), "metadata.name"),
                phase=limited.name(status.get("phase"), "status.phase"),
                started=limited.moment(began, "status.startTimestamp") if began else None,
                errors=limited.count(status.get("errors"), "status.errors"),
                warnings=limited.count(status.get("warnings"), "status.warnings"),
                included=tuple(limited.sequence(spec.get("includedNamespaces"), "spec", str)),
                failure=excerpt(
                    limited.text(status.get("failureReason"), "status.failureReason"), 300
                ),
            )
        except ValueError as problem:
            raise Tampered(
                f"snapshot {name}: its velero-backup.json is damaged ({problem})"
            ) from None
        if found.name != name:
            raise Tampered(
                f"snapshot {name}: its velero-backup.json belongs to backup {found.name!r}; "
                "Velero would read the files of that backup"
            )
        return found
