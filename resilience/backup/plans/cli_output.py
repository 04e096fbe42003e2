"""What the commands print. Pure: values in, text out; no secret is among the values."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.catalog.verify import recorded
from resilience.backup.data.dumps import KIND
from resilience.backup.data.snapshot_clones import LOCAL
from resilience.backup.format.manifest import Manifest, VolumeRecord
from resilience.backup.proof.diff import Change
from resilience.backup.restore.outcome import STATUS_LEFT, Outcome, RestoreReport
from resilience.model.words import many


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One snapshot in a list."""

    name: str
    started: datetime
    size: int
    objects: int | None
    verified: datetime | None
    kind: str


def row(snapshot: Snapshot) -> Row:
    """Read what a list shows."""
    manifest = snapshot.manifest
    kind = "Velero" if not manifest else "encrypted" if manifest.encryption else "ours"
    return Row(
        name=snapshot.name,
        started=snapshot.started,
        size=snapshot.listed.size,
        objects=manifest.objects if manifest else None,
        verified=recorded(snapshot),
        kind=kind,
    )


def table(rows: Sequence[Row], now: datetime) -> str:
    """For people."""
    if not rows:
        return "no snapshots"
    lines = [("NAME", "AGE", "SIZE", "OBJECTS", "VERIFIED", "KIND")]
    for each in rows:
        objects = "-" if each.objects is None else str(each.objects)
        verified = f"{age(now, each.verified)} ago" if each.verified else "never"
        lines.append(
            (each.name, age(now, each.started), size(each.size), objects, verified, each.kind)
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def as_json(rows: Sequence[Row]) -> str:
    """For programs."""
    return json.dumps(
        [
            {
                "name": each.name,
                "started": each.started.isoformat(),
                "bytes": each.size,
                "objects": each.objects,
                "kind": each.kind,
                "verified": each.verified.isoformat() if each.verified else None,
            }
            for each in rows
        ],
        indent=1,
    )


def shown(snapshot: Snapshot) -> str:
    """One snapshot: what it holds, what it could not see, what to know."""
    manifest = snapshot.manifest
    if not manifest:
        return (
            f"{snapshot.name}, written by Velero, started {snapshot.started:%Y-%m-%d %H:%M} "
            f"UTC, phase {snapshot.phase or 'unknown'}, {size(snapshot.listed.size)}"
        )
    listed = [each for each in manifest.coverage if each.status == "listed" and each.objects]
    others = [each for each in manifest.coverage if each.status not in ("listed", "excluded")]
    changed = [f"  {name}" for each in manifest.coverage for name in each.changed]
    lines = [
        made(manifest),
        f"cluster {manifest.context} ({manifest.server_version})",
        f"namespaces {', '.join(manifest.namespaces)}",
        f"signed by {manifest.signer}" if manifest.signer else "not signed",
    ]
    lines += [
        f"  {each.objects} {each.kind}" + (f" in {each.namespace}" if each.namespace else "")
        for each in listed
    ]
    lines += [f"  {_data(each)}" for each in manifest.volumes]
    lines += ["accepted as missing:", *(f"  {each}" for each in others)] if others else []
    lines += ["changed while it was made:", *changed] if changed else []
    lines += (
        ["warnings:", *(f"  {each}" for each in manifest.warnings)] if manifest.warnings else []
    )
    return "\n".join(lines)


def _data(record: VolumeRecord) -> str:
    """One stream, or what stays behind on the cluster."""
    where = f"{record.namespace}/{record.claim}"
    if record.kind == LOCAL:
        return (
            f"VolumeSnapshot {record.key} of {where}: on the cluster itself, lost together with "
            "its storage"
        )
    kept = f", kept by {record.engine}" if record.engine else ""
    return f"{'dump' if record.kind == KIND else 'volume'} {where}: {size(record.bytes)}{kept}"


def made(manifest: Manifest) -> str:
    """One line."""
    seconds = (manifest.finished - manifest.started).total_seconds()
    stored = sum(each.size for each in manifest.files)
    return (
        f"{manifest.name}: {many(manifest.objects, 'object')}, {size(manifest.object_bytes)} "
        f"({size(stored)} stored), {seconds:.1f}s"
    )


def restored(report: RestoreReport) -> str:
    """Counts, and how long it took."""
    counts = ", ".join(
        f"{count} {outcome.value}"
        for outcome, count in sorted(report.counts.items(), key=lambda each: each[0].value)
    )
    spent = ", ".join(f"{part} {seconds:.1f}s" for part, seconds in report.seconds.items())
    return f"restore {report.name} of {report.snapshot}: {counts or 'nothing'} ({spent})"


def not_brought_back(report: RestoreReport) -> list[str]:
    """What the counts of a restore hide: objects that were not created, with the reason, grouped;
    owners and statuses that did not come back."""
    groups: dict[str, list[str]] = {}
    for item in report.items:
        where = f"{item.namespace}/" if item.namespace else ""
        name = f"{item.kind} {where}{item.name}"
        if item.outcome is Outcome.LEFT:
            groups.setdefault(f"not created, {item.reason}", []).append(name)
        for rule in item.rewrites:
            if rule == STATUS_LEFT or rule.startswith("without its owner"):
                groups.setdefault(rule, []).append(name)
    hint = f"{STATUS_LEFT} (`--status KIND` restores it)"
    return [
        f"{hint if reason == STATUS_LEFT else reason}: {', '.join(names)}"
        for reason, names in sorted(groups.items())
    ]


def changes_as_json(changes: Sequence[Change], volumes: Sequence[str]) -> str:
    """A comparison, for programs."""
    return json.dumps(
        {"objects": [dataclasses.asdict(each) for each in changes], "volumes": list(volumes)},
        indent=1,
    )


def age(now: datetime, then: datetime) -> str:
    """`3d`, `5h`, `12m`, `40s`."""
    seconds = int((now - then).total_seconds())
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length}{unit}"
    return f"{max(seconds, 0)}s"


def size(count: float) -> str:
    """`1.5 MiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError("the last unit returns")
