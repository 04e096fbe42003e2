"""The documents that Velero reads next to the tarball. Pure: values in, bytes out.

velero's backup_sync_controller and restore_controller define which fields matter: `apiVersion`,
`kind`, `metadata.name` equal to the directory, a final `status.phase`. `status.expiration` is left
out, because Velero deletes expired backups and retention is this program's.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from resilience.backup.format.archive import FORMAT_VERSION, encode
from resilience.backup.format.manifest import VolumeRecord

_LONGEST_LABEL = 63
"""A Backup with a longer label value would not pass validation, and Velero would not see it."""

EMPTY_LISTS = ("volumesnapshots", "podvolumebackups", "itemoperations")


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def backup_document(
    *,
    name: str,
    plan: str,
    namespaces: Iterable[str],
    started: datetime,
    finished: datetime,
    server_version: str,
    objects: int,
    warnings: int = 0,
) -> bytes:
    """velero-backup.json: indented and not compressed, unlike everything else. `warnings` is what
    makes `velero backup describe` read the results. A ttl of 0 is shown as no expiry."""
    major, _, minor = server_version.lstrip("v").partition(".")
    annotations = {
        "velero.io/source-cluster-k8s-gitversion": server_version,
        "velero.io/source-cluster-k8s-major-version": major,
        "velero.io/source-cluster-k8s-minor-version": minor.partition(".")[0],
    }
    labels = {"velero.io/storage-location": "default"}
    if plan and len(plan) <= _LONGEST_LABEL:
        labels["velero.io/schedule-name"] = plan
    document = {
        "apiVersion": "velero.io/v1",
        "kind": "Backup",
        "metadata": {
            "name": name,
            "namespace": "velero",
            "labels": labels,
            "annotations": annotations,
        },
        "spec": {
            "includedNamespaces": sorted(namespaces) or ["*"],
            "storageLocation": "default",
            "ttl": "0s",
            "snapshotVolumes": False,
        },
        "status": {
            "version": 1,
            "formatVersion": FORMAT_VERSION,
            "phase": "Completed",
            "startTimestamp": _time(started),
            "completionTimestamp": _time(finished),
            "warnings": warnings,
            "progress": {"totalItems": objects, "itemsBackedUp": objects},
        },
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def warnings_for_velero(warnings: Iterable[str], volumes: Iterable[VolumeRecord]) -> list[str]:
    """A warning for users of Velero: its restore ends Completed but leaves volumes empty."""
    return [
        *warnings,
        *(
            f"{_KINDS[each.kind]} {each.namespace}/{each.claim}: Velero restores the "
            "objects only; `resilience restore` restores the data"
            for each in volumes
            if each.kind in _KINDS
        ),
    ]


_KINDS = {"tar": "volume", "dump": "dump"}
"""A VolumeSnapshot that stays on the cluster is in addition to the stream of the same volume."""


def log_document(
    name: str, started: datetime, finished: datetime, objects: int, warnings: Iterable[str]
) -> bytes:
    """B-logs.gz, for `velero backup logs`, in the form of Velero's own."""
    lines = [
        (started, "info", f"pytest-resilience began snapshot {name}"),
        *((finished, "warning", each) for each in warnings),
        (finished, "info", f"snapshot {name} holds {objects} objects"),
    ]
    text = "".join(
        f"time={json.dumps(_time(moment))} level={level} msg={json.dumps(message)}\n"
        for moment, level, message in lines
    )
    return gzip.compress(text.encode(), 6, mtime=0)


def results_document(warnings: Iterable[str]) -> bytes:
    """B-results.gz."""
    found = {"velero": list(warnings), "cluster": [], "namespaces": {}}
    none: dict[str, Any] = {"velero": [], "cluster": [], "namespaces": {}}
    return packed({"warnings": found, "errors": none})


def volumes_document(
    volumes: Iterable[VolumeRecord], claims: Iterable[tuple[str, str, str]]
) -> bytes:
    """B-volumeinfo.json.gz: every claim is marked as skipped, so that Velero provisions it again
    and does not look for data in its own form. `claims` are (namespace, name, PV)."""
    held = {(each.namespace, each.claim) for each in volumes if each.kind == "tar"}
    ours = "data is next to the backup, in a form that pytest-resilience restores"
    reasons = {True: ours, False: "no data was taken"}
    return packed(
        [
            {
                "pvcNamespace": namespace,
                "pvcName": claim,
                "pvName": volume,
                "skipped": True,
                "skippedReason": reasons[(namespace, claim) in held],
            }
            for namespace, claim, volume in sorted(claims)
        ]
    )


def packed(value: Mapping[str, Any] | list[Any]) -> bytes:
    """Gzipped JSON without a time in it: the same value gives the same bytes."""
    return gzip.compress(encode(value), 6, mtime=0)
