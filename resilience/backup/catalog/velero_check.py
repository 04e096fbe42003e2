"""Checks a snapshot that Velero wrote: it has no hashes, but a phase and a list of objects.

Comparing its list of objects with the archive reveals a truncated or replaced tarball, which Velero
itself never checks; the phase reveals an unfinished one. This does not prove the content, but once
a verification has recorded the archive's hash, a later one finds any changed bit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.catalog.verify import verify
from resilience.backup.catalog.verify_record import last_good
from resilience.backup.format import layout, limited
from resilience.backup.format.errors import BadArchive, Missing, Tampered
from resilience.backup.format.velero import missing_from
from resilience.backup.format.velero_backup import FINAL, PARTIAL, VeleroBackup
from resilience.model.words import many

_SHOWN = 5


@dataclass(slots=True)
class Whole:
    """The result of a check. `listed` is false without a resource list, as before 1.2; `archive`
    is the hash of what was read."""

    name: str
    findings: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    objects: int = 0
    bytes: int = 0
    listed: bool = False
    partial: bool = False
    archive: str = ""
    signed_by: str = ""
    opened: bool = True

    @property
    def intact(self) -> bool:
        """Whether the check found nothing missing."""
        return not self.findings

    def require(self) -> None:
        """`Tampered` with the findings."""
        if self.findings:
            raise Tampered(f"snapshot {self.name} of Velero: {'; '.join(self.findings[:_SHOWN])}")


def check(snapshot: Snapshot) -> Whole:
    """Read everything once. Store errors other than a missing file are raised."""
    found = Whole(snapshot.name)
    try:
        if snapshot.manifest:
            raise Tampered(f"snapshot {snapshot.name} was not written by Velero")
        found.findings += _phase(snapshot.velero, found)
        if not found.findings:
            found.findings += _archive(snapshot, found)
    except (Tampered, BadArchive, Missing) as problem:
        found.findings.append(str(problem))
    return found


def _phase(backup: VeleroBackup, found: Whole) -> Iterator[str]:
    if backup.phase not in FINAL:
        because = f" ({backup.failure})" if backup.failure else ""
        yield (
            f"its phase is {backup.phase or 'unknown'}{because}; expected {' or '.join(FINAL)}: "
            "its archive may be incomplete; take another snapshot"
        )
    if backup.phase == PARTIAL:
        found.partial = True
        found.warnings.append(
            f"snapshot {backup.name} of Velero is {PARTIAL}: Velero counted "
            f"{many(backup.errors, 'error')} and {many(backup.warnings, 'warning')}; what is "
            f"missing is in `velero backup logs {backup.name}`"
        )


def _archive(snapshot: Snapshot, found: Whole) -> Iterator[str]:
    contents = snapshot.contents
    found.objects, found.bytes = contents.count, contents.bytes
    if not contents.count:
        yield "its archive contains no object"
    listed = resource_list(snapshot)
    found.listed = listed is not None
    if listed is None:
        found.warnings.append(
            f"snapshot {snapshot.name} of Velero has no resource list, so nothing shows whether "
            "its archive is complete"
        )
    held = {
        (_unversioned(line.api_version, line.kind), line.address.namespace, line.address.name)
        for line in contents
    }
    if lost := missing_from(listed or {}, held):
        yield f"it lists objects that its archive lacks: {_some(lost)}; {_advice(found)}"
    named = {(kind, name) for kind, names in (listed or {}).items() for name in names}
    more = [
        f"{kind} {space + '/' if space else ''}{name}"
        for kind, space, name in sorted(held)
        if (kind, f"{space + '/' if space else ''}{name}") not in named
    ]
    if more and listed is not None:
        found.warnings.append(
            f"snapshot {snapshot.name} of Velero: its archive holds objects that its resource list "
            f"does not name: {_some(more)}"
        )
    found.archive = _digest(snapshot)
    record = last_good(snapshot)
    if record and record.archive and record.archive != found.archive:
        yield f"its archive changed since it was verified on {record.verified:%Y-%m-%d %H:%M} UTC"


def _advice(found: Whole) -> str:
    if found.partial:
        return f"its phase is {PARTIAL}, which may be the reason; use one that is Completed"
    return "use an older one"


def resource_list(snapshot: Snapshot) -> dict[str, list[str]] | None:
    """Names by GROUP/KIND, without versions, because a plugin may store another version than
    the one listed. None if Velero wrote no list."""
    found = snapshot.side("resource-list")
    if found is None:
        return None
    names: dict[str, list[str]] = {}
    try:
        for kind, each in limited.mapping(found, "it").items():
            version, _, name = kind.rpartition("/")
            key = _unversioned(version, name)
            names.setdefault(key, []).extend(limited.sequence(each, kind, str))
    except ValueError as problem:
        raise Tampered(
            f"snapshot {snapshot.name}: its resource list is damaged ({problem})"
        ) from None
    return names


def _unversioned(api_version: str, kind: str) -> str:
    group = api_version.rpartition("/")[0]
    return f"{group}/{kind}" if group else kind


def _digest(snapshot: Snapshot) -> str:
    digest = hashlib.sha256()
    for chunk in snapshot.store.stream(layout.archive(snapshot.name)):
        digest.update(chunk)
    return digest.hexdigest()


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"


def require_intact(snapshot: Snapshot) -> list[str]:
    """Raises `Tampered` unless the snapshot is what was written, as far as that can be checked;
    returns notes."""
    if snapshot.manifest:
        verify(snapshot).require()
        return []
    found = check(snapshot)
    found.require()
    return found.warnings
