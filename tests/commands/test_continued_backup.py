"""A backup that was killed is continued, and shards share one: on the sandbox, as typed."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from resilience.backup.format import layout
from resilience.backup.store.directory import DirectoryStore
from resilience.cluster.interface import CLAIMS, NAMESPACES, PODS
from resilience.cluster.transport import HttpCluster
from resilience.kube.readiness import is_ready
from tests.commands.test_killed_backup import box, command, killed, pod, typed, until

__all__ = ["box"]

WRITE = "import time; open('/data/it', 'w').write('content'); time.sleep(3600)"


def held(cluster: HttpCluster, namespace: str, *claims: str) -> None:
    """A namespace with claims that hold one file each."""
    cluster.create(
        NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    )
    for name in claims:
        spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        metadata = {"name": name}
        body = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata}
        cluster.create(CLAIMS, body | {"spec": spec}, namespace)
        container = {"name": "app", "image": "python:3.13-slim", "command": ["python", "-c", WRITE],
                     "readinessProbe": {"exec": {"command": ["cat", "/data/it"]}},
                     "volumeMounts": [{"name": "d", "mountPath": "/data"}]}  # fmt: skip
        volume = {"name": "d", "persistentVolumeClaim": {"claimName": name}}
        cluster.create(
            PODS,
            {"apiVersion": "v1", "kind": "Pod", "metadata": metadata,
             "spec": {"containers": [container], "terminationGracePeriodSeconds": 0,
                      "volumes": [volume]}},
            namespace,
        )  # fmt: skip

    def ready() -> bool:
        return all(is_ready(pod(cluster, namespace, name) or {}) for name in claims)

    until(ready, "they are ready")


def ended(store: Path, name: str) -> None:
    """Time passes for the lock of a run that was killed."""
    past = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    for file in (store / "backups" / name / "saved" / "locks").rglob("*.json"):
        record = json.loads(file.read_text())
        file.write_text(json.dumps(record | {"until": record["until"] and past}))


def test_a_killed_backup_is_continued(box: tuple[HttpCluster, Path], tmp_path: Path) -> None:
    cluster, kubeconfig = box
    held(cluster, "four", "first", "second", "third")
    store = tmp_path / "store"
    there = ("--store", f"file:{store}", "--kubeconfig", kubeconfig)
    backup = ("backup", "create", "-n", "four", "--volumes", *there)
    saved = store / "backups/a/saved/volumes/four/first.json"
    killed(saved.exists, *backup, "--name", "a")
    again = subprocess.run(
        command(*backup, "--continue", "a"), capture_output=True, text=True, check=False
    )
    assert again.returncode == 1
    assert "error: snapshot a is locked by" in again.stderr
    ended(store, "a")
    data = store / "backups/a/volumes/four/first.tar"
    before = data.stat()
    typed(*backup, "--continue", "a")
    assert data.stat().st_ino == before.st_ino
    # The kill may leave the temporary name of a file, which no list shows and a sweep deletes.
    assert not list(DirectoryStore(store).list(layout.saved("a")))
    shown = json.loads(typed("backup", "show", "a", "-o", "json", "--store", f"file:{store}"))
    assert [each["claim"] for each in shown["volumes"]] == ["first", "second", "third"]
    assert "is what was written" in typed("backup", "verify", "a", "--store", f"file:{store}")


def test_shards_of_two_processes_make_one_snapshot(
    box: tuple[HttpCluster, Path], tmp_path: Path
) -> None:
    cluster, kubeconfig = box
    names = ("five", "six", "seven", "eight")
    for each in names:
        held(cluster, each, "data")
    store = tmp_path / "store"
    words = ["backup", "create", "--volumes", "--store", f"file:{store}", "--name", "s",
             "--kubeconfig", kubeconfig]  # fmt: skip
    for each in names:
        words += ["-n", each]
    running = [
        subprocess.Popen(
            command(*words, "--shard", f"{number}/2"),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for number in range(2)
    ]  # fmt: skip
    said = [each.communicate(timeout=180)[0] for each in running]
    assert [each.returncode for each in running] == [0, 0], said
    assert sum("all shards are done, and this one completes the snapshot" in s for s in said) >= 1
    shown = json.loads(typed("backup", "show", "s", "-o", "json", "--store", f"file:{store}"))
    assert sorted(each["namespace"] for each in shown["volumes"]) == sorted(names)
    assert "is what was written" in typed("backup", "verify", "s", "--store", f"file:{store}")
    late = typed(*words, "--shard", "1/2")
    assert "snapshot s of" in late
    assert "is complete, so there is nothing to continue" in late


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--shard", "2/2", "--name", "x", "--volumes"), "--shard 2/2: expected NUMBER/SHARDS"),
        (("--shard", "1", "--name", "x", "--volumes"), "--shard 1: expected NUMBER/SHARDS"),
        (("--shard", "0/2", "--volumes"), "--shard needs --name"),
        (("--shard", "0/2", "--name", "x"), "--shard divides the reading of volumes"),
        (("--shard", "0/2", "--name", "x", "--volumes", "--lock-days", "3"), "--lock-days cannot"),
        (("--continue", "x", "--volumes", "--lock-days", "3"), "--lock-days cannot"),
        (("--continue", "x", "--volumes"), "nothing of a snapshot x"),
        (("--continue", "x"), "--continue completes a snapshot with volumes"),
    ],
)
def test_what_makes_no_sense_is_told(
    box: tuple[HttpCluster, Path], tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    _, kubeconfig = box
    there = ("--store", f"file:{tmp_path}/store", "--kubeconfig", kubeconfig)
    done = subprocess.run(
        command("backup", "create", "-n", "default", *words, *there),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert not list((tmp_path / "store").glob("backups/*"))
