"""Names inside of a backup that lead elsewhere, as paths of files or of requests: refused in words,
with nothing created and nothing written (velero#10102, GHSA-j2g6-362q-6qc6, vitess#19470)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from resilience.backup.catalog.catalog import opened
from resilience.backup.catalog.verify import verify
from resilience.backup.format.errors import BackupError
from resilience.backup.restore.restore import restore
from resilience.backup.restore.restore_request import RestoreRequest
from resilience.backup.store.base import Store
from resilience.backup.store.url import open_store
from resilience.cluster.interface import Object
from tests.backup.drills.test_velero_drills import NAME, NAMESPACE, backup
from tests.backup.fakes import FakeClock, FakeCluster
from tests.backup.format.test_documents import snapshot

NAMES = (
    "../../../tmp/escape_1", "../kube-system/configmaps/x", "..", ".", "a/b", "/etc/cron.d/x",
    "x%2f..%2f..%2fy", "", "x\x00y",
)  # fmt: skip


NO_PLACE = ("a/b", "x\x00y")
"""Their entries are at no object's place in the archive, and are never read as objects."""


def config_map(name: str, namespace: str = "shop") -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"},
            "metadata": {"name": name, "namespace": namespace}}  # fmt: skip


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_a_path_is_created_nowhere(
    name: str, dry_run: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    target = FakeCluster()
    store = backup([("namespaces", NAMESPACE), ("configmaps", config_map(name))])
    request = RestoreRequest(name="r", workers=1, dry_run=dry_run)
    try:
        told = [str(each) for each in restore(request, opened(store, NAME), target,
                                              clock=FakeClock()).bad]  # fmt: skip
    except BackupError as refused:
        told = [str(refused)]
    assert told or name in NO_PLACE
    assert not [key for key in target.objects if key[0] == "configmaps"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("namespace", ["../kube-system", "..", "shop/../kube-system"])
def test_a_namespace_that_is_a_path_is_restored_nowhere(namespace: str) -> None:
    target = FakeCluster()
    store = backup([("namespaces", NAMESPACE), ("configmaps", config_map("x", namespace))])
    with pytest.raises(BackupError):
        restore(RestoreRequest(name="r"), opened(store, NAME), target, clock=FakeClock())
    assert list(target.objects) == [("namespaces", "", "kube-system")]


@pytest.mark.parametrize("key", ["../../../../etc/passwd", "/etc/passwd", "backups/one/../../x"])
def test_a_manifest_reads_no_file_outside_of_its_store(key: str, tmp_path: Path) -> None:
    held = snapshot("tar")
    manifest = json.loads(held.files["backups/one/resilience-manifest.json"])
    manifest["volumes"][0] |= {"key": key, "bytes": 10}
    held.files["backups/one/resilience-manifest.json"] = json.dumps(manifest).encode()
    store = open_store(f"file:{tmp_path / 'store'}")
    for name, content in held.files.items():
        store.put(name, content)
    (tmp_path / "x").write_text("secret")
    for each in (store, held):
        assert not _intact(each)


def _intact(store: Store) -> bool:
    try:
        return verify(opened(store, "one")).intact
    except BackupError:
        return False
