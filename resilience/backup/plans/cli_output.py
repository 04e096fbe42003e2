"""The output of the commands. Pure: values in, text out; no secret is among the values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.catalog.listed_files import require_files
from resilience.backup.catalog.velero_check import Whole, resource_list
from resilience.backup.catalog.velero_volumes import unread
from resilience.backup.catalog.verify import Verification
from resilience.backup.catalog.verify_record import newest
from resilience.backup.data.snapshot_clones import LOCAL
from resilience.backup.format.errors import UNREADABLE
from resilience.backup.format.manifest import DUMP, Manifest, VolumeRecord
from resilience.backup.modify.modifiers import CHANGED_BY
from resilience.backup.plans.enough import untaken
from resilience.backup.restore.outcome import STATUS_LEFT, Outcome, RestoreReport
from resilience.backup.restore.waiting import Waited
from resilience.model.words import many, one_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One snapshot in a list. `damage` says why it cannot be read, or that its newest verification
    found damage; `phase` is Velero's word."""

    name: str
    started: datetime
    size: int
    objects: int | None = None
    verified: datetime | None = None
    kind: str = "damaged"
    phase: str = ""
    plan: str = ""
    namespaces: tuple[str, ...] = ()
    cluster: str = ""
    damage: str = ""


def row(snapshot: Snapshot) -> Row:
    """Read the facts that a list shows. A snapshot that cannot be read is reported, and hides no
    other."""
    name, size_ = snapshot.name, snapshot.listed.size
    try:
        manifest = snapshot.manifest
        require_files(snapshot)
        kind = "Velero" if not manifest else "encrypted" if manifest.encryption else "ours"
        last = newest(snapshot)
        bad = last is not None and last.damaged
        return Row(
            name=name,
            started=snapshot.started,
            size=size_,
            objects=manifest.objects if manifest else None,
            verified=last.verified if last and not bad else None,
            kind="damaged" if bad else kind,
            phase="Completed" if manifest else snapshot.velero.phase,
            plan=manifest.plan if manifest else "",
            namespaces=manifest.namespaces if manifest else (),
            cluster=manifest.context if manifest else "",
            damage=_found_damaged(name, last.verified) if last and bad else "",
        )
    except UNREADABLE as problem:
        return Row(name=name, started=snapshot.listed.newest, size=size_, damage=str(problem))


def _found_damaged(name: str, moment: datetime) -> str:
    return (
        f"snapshot {name} was found damaged at {moment:%Y-%m-%d %H:%M} UTC; "
        f"`resilience backup verify {name}` says where"
    )


_WIDE = ("PLAN", "NAMESPACES", "CLUSTER")


def table(rows: Sequence[Row], now: datetime, *, wide: bool = False) -> str:
    """For people. `wide` adds plan, namespaces and cluster. Times are UTC."""
    if not rows:
        return "no snapshots"
    head = ("NAME", "STARTED", "AGE", "SIZE", "OBJECTS", "VERIFIED", "KIND", "PHASE")
    lines = [head + (_WIDE if wide else ())]
    for each in rows:
        objects = "-" if each.objects is None else str(each.objects)
        verified = f"{age(now, each.verified)} ago" if each.verified else "never"
        more = (each.plan or "-", ",".join(each.namespaces) or "-", each.cluster or "-")
        lines.append(
            (
                each.name,
                f"{each.started:%Y-%m-%d %H:%M}",
                age(now, each.started),
                size(each.size),
                objects,
                verified,
                each.kind,
                each.phase or "-",
                *(more if wide else ()),
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def shown(snapshot: Snapshot) -> str:
    """One snapshot: its content, what could not be read, and warnings."""
    manifest = snapshot.manifest
    if not manifest:
        return _shown_velero(snapshot)
    others = [each for each in manifest.coverage if each.status not in ("listed", "excluded")]
    changed = [f"  {name}" for each in manifest.coverage for name in each.changed]
    lines = [
        made(manifest),
        f"cluster {manifest.context} ({manifest.server_version})",
        f"namespaces {', '.join(manifest.namespaces)}",
        f"signed by {manifest.signer}" if manifest.signer else "not signed",
    ]
    lines += _held(snapshot, manifest)
    lines += [f"  {_data(each)}" for each in manifest.volumes]
    lines += [text] if (text := untaken(manifest)) else []
    lines += ["accepted as missing:", *(f"  {each}" for each in others)] if others else []
    lines += ["changed while it was made:", *changed] if changed else []
    lines += (
        ["warnings:", *(f"  {each}" for each in manifest.warnings)] if manifest.warnings else []
    )
    return "\n".join(map(one_line, lines))


def _held(snapshot: Snapshot, manifest: Manifest) -> list[str]:
    """The content of the archive, by the list of objects. More objects were listed on the cluster;
    some of them are left out."""
    if snapshot.encrypted and not snapshot.identities:
        return ["  encrypted: give its identity to see its content (--identity FILE)"]
    held = Counter((each.address.resource, each.address.namespace) for each in snapshot.contents)
    return [
        f"  {count} {kind}" + (f" in {namespace}" if namespace else "")
        for (kind, namespace), count in sorted(held.items())
    ]


def _shown_velero(snapshot: Snapshot) -> str:
    """The facts that Velero recorded, its list of objects, and what only Velero can restore."""
    backup, names = snapshot.velero, resource_list(snapshot)
    lines = [
        f"{snapshot.name}, written by Velero, started {snapshot.started:%Y-%m-%d %H:%M} UTC, "
        f"phase {backup.phase or 'unknown'} ({many(backup.errors, 'error')}, "
        f"{many(backup.warnings, 'warning')}), {size(snapshot.listed.size)}"
    ]
    lines += [f"  {len(each)} {kind}" for kind, each in sorted((names or {}).items())]
    lines += (
        ["no resource list: its content is only known when the archive is read"]
        if names is None
        else []
    )
    lost = unread(snapshot)
    lines += ["data of volumes that only Velero can restore:"] if lost else []
    return "\n".join([*lines, *(f"  {each}" for each in lost)])


def verified(found: Verification) -> str:
    """One line: what a verification checked, and what it did not."""
    signed = f"signed by {found.signed_by}" if found.signed_by else "not signed"
    if not found.opened:
        return (
            f"{found.name}: its stored bytes are what was written, {signed}; its content was not "
            "opened, because no identity was given (--identity FILE)"
        )
    streams = [many(count, noun) for count, noun in
               ((found.volumes, "volume"), (found.dumps, "dump")) if count]  # fmt: skip
    data = f"{', '.join(streams)}, {size(found.data_bytes)}, " if streams else ""
    return (
        f"{found.name} is what was written: {many(found.objects, 'object')}, "
        f"{size(found.bytes)}, {data}{signed}"
    )


def checked(found: Whole) -> str:
    """One line about a backup of Velero's."""
    held = f"{many(found.objects, 'object')}, {size(found.bytes)}"
    if not found.listed:
        return f"{found.name}, written by Velero, can be read: {held}; it has no resource list"
    return (
        f"{found.name}, written by Velero, contains everything that Velero listed: {held}; Velero "
        "keeps no hashes, so only changes from now on can be found"
    )


def _data(record: VolumeRecord) -> str:
    """One stream, or a VolumeSnapshot that stays on the cluster."""
    where = f"{record.namespace}/{record.claim}"
    if record.kind == LOCAL:
        return (
            f"VolumeSnapshot {record.key} of {where}: on the cluster itself, lost together with "
            "its storage"
        )
    kept = f", kept by {record.engine}" if record.engine else ""
    return f"{'dump' if record.kind == DUMP else 'volume'} {where}: {size(record.bytes)}{kept}"


def made(manifest: Manifest) -> str:
    """One line."""
    seconds = (manifest.finished - manifest.started).total_seconds()
    stored = sum(each.size for each in manifest.files)
    return (
        f"{manifest.name}: {many(manifest.objects, 'object')}, {size(manifest.object_bytes)} "
        f"({size(stored)} stored), {seconds:.1f}s"
    )


def restored(report: RestoreReport) -> str:
    """Counts and duration of a restore."""
    spent = ", ".join(f"{part} {seconds:.1f}s" for part, seconds in report.seconds.items())
    return f"restore {report.name} of {report.snapshot}: {report.counted} ({spent})"


def waited(found: Waited | None) -> list[str]:
    """What came of waiting."""
    if found is None:
        return []
    took = f"after {found.seconds:.1f}s"
    if not found.wanted:
        return ["nothing to wait for: no workload and no Pod was restored"]
    if found.missing:
        what = many(found.wanted, "workload")
        return [f"not ready {took}: {len(found.missing)} of {what}"]
    return [f"ready {took}: {many(found.wanted, 'workload')}"]


_TOLD_RULES = ("without its owner", CHANGED_BY)


def not_brought_back(report: RestoreReport) -> list[str]:
    """Details that the counts of a restore do not show: objects that were not created, left
    unchanged or not checked yet, with the reason, grouped; owners and statuses that were not
    restored; requested changes."""
    groups: dict[str, list[str]] = {}
    for item in report.items:
        where = f"{item.namespace}/" if item.namespace else ""
        name = one_line(f"{item.kind} {where}{item.name}")
        if item.outcome in _TOLD:
            groups.setdefault(f"{_TOLD[item.outcome]}, {item.reason}", []).append(name)
        for rule in item.rewrites:
            if rule == STATUS_LEFT or rule.startswith(_TOLD_RULES):
                groups.setdefault(rule, []).append(name)
    hint = f"{STATUS_LEFT} (`--status KIND` restores it)"
    return [
        f"{hint if reason == STATUS_LEFT else reason}: {', '.join(names)}"
        for reason, names in sorted(groups.items())
    ]


_TOLD = {
    Outcome.LEFT: "not created",
    Outcome.SKIPPED: "left unchanged",
    Outcome.UNASKED: "cannot be checked yet",
}


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
