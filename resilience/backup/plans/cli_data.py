"""What the commands print for programs (`-o json`, `-o yaml`). Pure: values in, plain data out.

Times are ISO 8601 in UTC, sizes are bytes, durations are seconds. Keys are only ever added.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.catalog.velero_check import Whole, resource_list
from resilience.backup.catalog.velero_volumes import unread
from resilience.backup.catalog.verify import Verification
from resilience.backup.format.manifest import Manifest
from resilience.backup.plans.cli_output import Row
from resilience.backup.proof.diff import Change
from resilience.backup.restore.outcome import Item, RestoreReport
from resilience.backup.restore.waiting import Waited

Data = dict[str, Any]


def row(each: Row) -> Data:
    """One snapshot of a list."""
    return {
        "name": each.name,
        "started": each.started.isoformat(),
        "bytes": each.size,
        "objects": each.objects,
        "kind": each.kind,
        "phase": each.phase,
        "plan": each.plan,
        "namespaces": list(each.namespaces),
        "cluster": each.cluster,
        "damage": each.damage,
        "verified": each.verified.isoformat() if each.verified else None,
    }


def made(manifest: Manifest) -> Data:
    """A snapshot that was just created."""
    return {
        "name": manifest.name,
        "plan": manifest.plan,
        "namespaces": list(manifest.namespaces),
        "cluster": manifest.context,
        "started": manifest.started.isoformat(),
        "seconds": (manifest.finished - manifest.started).total_seconds(),
        "objects": manifest.objects,
        "bytes": manifest.object_bytes,
        "stored": sum(each.size for each in manifest.files),
        "signer": manifest.signer,
        "warnings": list(manifest.warnings),
    }


def shown(snapshot: Snapshot) -> Data:
    """The manifest; for a backup by Velero, the content of its own files."""
    if snapshot.manifest:
        found: Data = json.loads(snapshot.manifest.encoded())
        return found
    backup, names = snapshot.velero, resource_list(snapshot) or {}
    return {
        "name": snapshot.name,
        "kind": "Velero",
        "started": snapshot.started.isoformat(),
        "phase": backup.phase,
        "errors": backup.errors,
        "warnings": backup.warnings,
        "bytes": snapshot.listed.size,
        "resources": {kind: len(each) for kind, each in sorted(names.items())},
        "onlyVeleroRestores": [str(each) for each in unread(snapshot)],
    }


def verified(found: Verification | Whole) -> Data:
    """A verification that found nothing wrong. `opened` is false if only stored bytes were
    checked."""
    data = found if isinstance(found, Verification) else Verification(found.name)
    return {
        "name": found.name,
        "intact": True,
        "volumes": data.volumes,
        "dumps": data.dumps,
        "dataBytes": data.data_bytes,
        "opened": found.opened,
        "objects": found.objects,
        "bytes": found.bytes,
        "signer": found.signed_by,
    }


def changes(found: Sequence[Change], volumes: Sequence[str]) -> Data:
    """A comparison."""
    return {"objects": [dataclasses.asdict(each) for each in found], "volumes": list(volumes)}


def restored(report: RestoreReport, loaded: Sequence[str], waited: Waited | None = None) -> Data:
    """A restore, object by object; `notReady` is null if nothing waited."""
    return {
        "name": report.name,
        "snapshot": report.snapshot,
        "complete": report.complete,
        "seconds": report.seconds,
        "counts": {each.value: count for each, count in report.counts.items()},
        "objects": [_item(each) for each in report.items],
        "volumes": list(report.volumes),
        "dumps": list(loaded),
        "hooksNotRun": list(report.hooks),
        "notes": list(report.notes),
        "notReady": None if waited is None else list(waited.missing),
    }


def _item(each: Item) -> Data:
    return {
        "kind": each.kind,
        "namespace": each.namespace,
        "name": each.name,
        "outcome": each.outcome.value,
        "reason": each.reason,
    }
