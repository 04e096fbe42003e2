"""What a user of Velero reads of a snapshot made here: `velero backup get`, `describe`, `logs`."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from typing import Any

import pytest

from resilience.backup.format.manifest import VolumeRecord
from resilience.backup.store.memory import MemoryStore
from resilience.backup.store.snapshot_files import Files
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, create
from tests.backup.fakes import FakeClock, shop

CLAIM = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": {"volumeName": "pv-data"},
         "metadata": {"name": "data", "namespace": "shop"}}  # fmt: skip


def snapshot(kind: str = "") -> MemoryStore:
    """Of a namespace with a claim, whose data was taken as that kind, if any."""
    cluster, store = shop(), MemoryStore()
    cluster.add(CLAIM)

    def take(files: Files, claims: Sequence[tuple[str, str, str]]) -> list[VolumeRecord]:
        if not kind:
            return []
        return [VolumeRecord(namespace="shop", claim="data", key="k", bytes=1, sha256="0",
                             kind=kind)]  # fmt: skip

    request = Request(name="one", scope=Scope(namespaces=("shop",)), volumes=take)
    create(request, cluster, store, clock=FakeClock())
    return store


def read(store: MemoryStore, file: str) -> Any:
    content = store.files[f"backups/one/{file}"]
    return json.loads(gzip.decompress(content) if file.endswith(".gz") else content)


@pytest.mark.parametrize(("kind", "what"), [("tar", "volume"), ("dump", "dump")])
def test_describe_warns_of_data_that_velero_does_not_restore(kind: str, what: str) -> None:
    store = snapshot(kind)
    found = read(store, "one-results.gz")
    warning = (
        f"{what} shop/data: Velero restores the objects only; `resilience restore` restores the"
        " data"
    )
    assert warning in found["warnings"]["velero"]
    assert not any(found["errors"].values())
    counted = read(store, "velero-backup.json")["status"]["warnings"]
    assert counted == len(found["warnings"]["velero"]) > 0


@pytest.mark.parametrize("kind", ["tar", ""])
def test_velero_provisions_the_claim_again_and_looks_for_no_data_of_its_own(kind: str) -> None:
    [claim] = read(snapshot(kind), "one-volumeinfo.json.gz")
    assert (claim["pvcNamespace"], claim["pvcName"], claim["pvName"]) == ("shop", "data", "pv-data")
    assert claim["skipped"] is True
    assert ("pytest-resilience restores" in claim["skippedReason"]) is bool(kind)


def test_logs_can_be_read_and_end_with_what_is_held() -> None:
    store = snapshot("tar")
    lines = gzip.decompress(store.files["backups/one/one-logs.gz"]).decode().splitlines()
    assert lines[0].endswith('level=info msg="pytest-resilience began snapshot one"')
    assert any("level=warning" in line and "shop/data" in line for line in lines)
    total = read(store, "velero-backup.json")["status"]["progress"]["totalItems"]
    assert lines[-1].endswith(f'msg="snapshot one holds {total} objects"')


def test_a_snapshot_never_expires_for_velero() -> None:
    marker = read(snapshot(), "velero-backup.json")
    assert marker["spec"]["ttl"] == "0s"
    assert "expiration" not in marker["status"]
