"""Volumes whose data a backup of Velero's holds in a form that only Velero can read.

    volumeinfo.json.gz          one entry per volume, since 1.13
    podvolumebackups.json.gz    file system backups (kopia, before that restic)
    itemoperations.json.gz      the CSI data mover
    volumesnapshots.json.gz     native snapshots of the provider
    csi-volumesnapshots.json.gz VolumeSnapshots, to 1.16

Objects are restored without this data, so a silent restore would end with empty volumes. Shapes are
those of Velero's internal/volume, pkg/itemoperation and pkg/apis; unknown fields are ignored, a
wrong type is `Tampered`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.format import limited
from resilience.backup.format.errors import Tampered

_CLAIM_NAME = "velero.io/pvc-name"
_DONE = ("", "Completed", "succeeded")


@dataclass(frozen=True, slots=True, order=True)
class Unread:
    """One volume. `name` is the claim's, or a Pod's and its volume's if there is no claim."""

    namespace: str
    name: str
    held: str
    known_as: frozenset[tuple[str, str]] = field(default=frozenset(), compare=False)
    """The volume's name in other side files: that of a Pod's volume or a PersistentVolume."""

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name} ({self.held})"


def unread(snapshot: Snapshot) -> tuple[Unread, ...]:
    """Each such volume once, by namespace and name; () for a snapshot of this program."""
    if snapshot.manifest:
        return ()
    found: dict[tuple[str, str], Unread] = {}
    for side, read in _SIDES.items():
        for entry in _entries(snapshot, side):
            try:
                each = read(entry)
            except ValueError as problem:
                key = f"{snapshot.name}-{side}.json.gz"
                raise Tampered(f"snapshot {snapshot.name}: {key} is damaged ({problem})") from None
            names = {(each.namespace, each.name), *each.known_as} if each else set()
            if each and not names & found.keys():
                found |= dict.fromkeys(names, each)
    return tuple(sorted(set(found.values())))


def _entries(snapshot: Snapshot, side: str) -> Iterator[dict[str, Any]]:
    try:
        yield from limited.sequence(snapshot.side(side), side, dict)
    except ValueError as problem:
        raise Tampered(f"snapshot {snapshot.name}: {side} is damaged ({problem})") from None


def _within(entry: Mapping[str, Any], *path: str) -> dict[str, Any]:
    found: dict[str, Any] = dict(entry)
    for name in path:
        found = limited.mapping(found.get(name), name)
    return found


def _name(entry: Mapping[str, Any], field: str) -> str:
    return limited.name(entry.get(field), field)


def _volume_info(entry: Mapping[str, Any]) -> Unread | None:
    method, claim = _name(entry, "backupMethod"), _name(entry, "pvcName")
    if entry.get("skipped") or not method or _name(entry, "result") not in _DONE:
        return None
    moved = bool(entry.get("snapshotDataMoved"))
    held = {
        "PodVolumeBackup": f"file system backup by {_uploader(entry, 'pvbInfo')}",
        "CSISnapshot": "CSI snapshot"
        + (f", moved by {_uploader(entry, 'snapshotDataMovementInfo')}" if moved else ""),
        "NativeSnapshot": "snapshot of the provider",
    }.get(method, method)
    about = _within(entry, "pvbInfo")
    mounted = (
        _name(about, "podNamespace"),
        f"{_name(about, 'podName')}:{_name(about, 'volumeName')}",
    )
    volume = ("", _name(entry, "pvName"))
    aliases = frozenset(each for each in (mounted, volume) if each[1].strip(":"))
    if claim:
        return Unread(_name(entry, "pvcNamespace"), claim, held, aliases)
    return Unread(*(mounted if mounted[0] else volume), held, aliases)


def _uploader(entry: Mapping[str, Any], where: str) -> str:
    return _name(_within(entry, where), "uploaderType") or "kopia"


def _pod_volume(entry: Mapping[str, Any]) -> Unread | None:
    spec, pod = _within(entry, "spec"), _within(entry, "spec", "pod")
    if _name(_within(entry, "status"), "phase") not in _DONE:
        return None
    claim = _name(_within(entry, "metadata", "annotations"), _CLAIM_NAME)
    where, mounted = _name(pod, "namespace"), f"{_name(pod, 'name')}:{_name(spec, 'volume')}"
    held = f"file system backup by {_name(spec, 'uploaderType') or 'restic'}"
    return Unread(where, claim or mounted, held, frozenset({(where, mounted)}))


def _operation(entry: Mapping[str, Any]) -> Unread | None:
    """Item operations of the CSI data mover concern claims."""
    about = _within(entry, "spec", "resourceIdentifier")
    resource = _name(about, "Resource")
    ended = _name(_within(entry, "status"), "phase") in _DONE
    if resource != "persistentvolumeclaims" or not ended:
        return None
    return Unread(_name(about, "Namespace"), _name(about, "Name"), "CSI snapshot, moved by kopia")


def _native(entry: Mapping[str, Any]) -> Unread | None:
    spec = _within(entry, "spec")
    if _name(_within(entry, "status"), "phase") not in _DONE:
        return None
    return Unread("", _name(spec, "persistentVolumeName"), "snapshot of the provider")


def _csi(entry: Mapping[str, Any]) -> Unread | None:
    claim = _name(_within(entry, "spec", "source"), "persistentVolumeClaimName")
    where = _name(_within(entry, "metadata"), "namespace")
    return Unread(where, claim, "CSI snapshot") if claim else None


_SIDES: Mapping[str, Callable[[Mapping[str, Any]], Unread | None]] = {
    "volumeinfo": _volume_info,
    "podvolumebackups": _pod_volume,
    "itemoperations": _operation,
    "volumesnapshots": _native,
    "csi-volumesnapshots": _csi,
}
