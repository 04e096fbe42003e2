"""The data of a volume comes back file by file, or the snapshot does not exist."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from resilience.backup.catalog.catalog import Snapshot, opened
from resilience.backup.catalog.verify import verify
from resilience.backup.data.container_stream import Ended
from resilience.backup.data.helper_holder import HOLDER, holder
from resilience.backup.data.helper_pod import RUN
from resilience.backup.data.hooks import around
from resilience.backup.data.snapshot_clones import CLAIMS
from resilience.backup.data.volumes import TarVolumes
from resilience.backup.format import layout
from resilience.backup.format.errors import (
    BackupError,
    BadRequest,
    HookFailed,
    RestoreRefused,
    VolumeFailed,
)
from resilience.backup.objects.rules import FILLED, FILLING
from resilience.backup.restore.outcome import RestoreReport
from resilience.backup.restore.restore import RestoreRequest, restore
from resilience.backup.store.memory import MemoryStore
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, create
from resilience.cluster.helper_pods import marks
from resilience.cluster.interface import PODS, Object
from tests.backup.fakes import FakeClock, FakeCluster, shop

SCOPE = Scope(namespaces=("shop",))


class LocalExec:
    """Runs the real program on this machine; a Pod's volume is a directory."""

    def __init__(self, directories: dict[str, Path]) -> None:
        self.directories = directories
        self.calls: list[tuple[str, ...]] = []
        self.after: Callable[[bytes, Ended], tuple[bytes, Ended]] = lambda out, ended: (out, ended)

    def run(
        self,
        namespace: str,
        pod: str,
        container: str,
        command: Sequence[str],
        *,
        stdin: Iterable[bytes] | None = None,
        stdout: Callable[[bytes], object] = lambda data: None,
        timeout: float = 60.0,
    ) -> Ended:
        self.calls.append((namespace, pod, *command[3:]))
        directory = str(self.directories[f"{namespace}/{pod}"])
        words = [sys.executable, *command[1:-1], directory]
        done = subprocess.run(
            words, input=b"".join(stdin or ()), capture_output=True, timeout=timeout, check=False
        )
        out, ended = self.after(done.stdout, Ended(done.returncode, done.stderr.decode()))
        for at in range(0, len(out), 100_000):
            stdout(out[at : at + 100_000])
        return ended


def claimed() -> FakeCluster:
    cluster = shop()
    cluster.on_create = lambda obj: obj.setdefault("status", {"phase": "Running"})
    cluster.add(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "data", "namespace": "shop"},
            "spec": {"volumeName": "pv-1", "accessModes": ["ReadWriteOnce"]},
        },
        user("db-0"),
    )
    return cluster


def user(name: str) -> Object:
    """A Pod that mounts the claim."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "nodeName": "node-3",
            "containers": [{"name": "db"}],
            "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}],
        },
    }


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    root = tmp_path / "volume"
    (root / "deep/er").mkdir(parents=True)
    (root / "empty").mkdir(mode=0o700)
    (root / "large").write_bytes(os.urandom(3 << 20))
    (root / "deep/er/ünïcode file").write_text("content")
    (root / "script").write_text("#!/bin/sh\n")
    (root / "script").chmod(0o750)
    (root / "link").symlink_to("deep/er")
    os.utime(root / "link", (1.4e9, 1.4e9), follow_symlinks=False)
    os.utime(root / "large", (1.5e9, 1.5e9))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "s"))
    return root


def volumes(cluster: FakeCluster, exec_: LocalExec, name: str = "one", **more: Any) -> TarVolumes:
    return TarVolumes(cluster=cluster, exec=exec_, clock=FakeClock(), name=name, **more)


def taken(cluster: FakeCluster, exec_: LocalExec, **options: Any) -> MemoryStore:
    store = MemoryStore()
    request = Request(name="one", scope=SCOPE, volumes=volumes(cluster, exec_).take, **options)
    create(request, cluster, store, clock=FakeClock())
    return store


def contents(root: Path) -> dict[str, object]:
    return {
        str(path.relative_to(root)): (
            os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else "",
            path.lstat().st_mode,
            int(path.lstat().st_mtime),
        )
        for path in root.rglob("*")
        if not path.is_socket()
    }


def test_files_links_modes_and_times_come_back(volume: Path, tmp_path: Path) -> None:
    cluster, back = claimed(), tmp_path / "back"
    back.mkdir()
    exec_ = LocalExec({"shop/resilience-volume-data": volume})
    store = taken(cluster, exec_)
    snapshot = opened(store, "one")
    assert verify(snapshot).intact
    assert snapshot.manifest
    (record,) = snapshot.manifest.volumes
    assert record.bytes > 3 << 20
    exec_.directories["shop/resilience-volume-data"] = back
    volumes(cluster, exec_).bring_back(snapshot, record, "shop")
    assert contents(back) == contents(volume)
    assert not [key for key in cluster.objects if "resilience-volume" in key[2]]


def test_a_restore_fills_volumes_before_anything_mounts_them_and_once(
    volume: Path, tmp_path: Path
) -> None:
    cluster, back = claimed(), tmp_path / "back"
    back.mkdir()
    exec_ = LocalExec({"shop/resilience-volume-data": volume})
    snapshot = opened(taken(cluster, exec_), "one")
    exec_.directories = {"shop/resilience-volume-data": back}
    target = FakeCluster()
    target.on_create = cluster.on_create
    filling = volumes(target, exec_, name="r")
    request = RestoreRequest(name="r", volumes=filling, workers=1, ask_first=False)
    report = restore(request, snapshot, target, clock=FakeClock())
    assert report.complete
    assert report.volumes[0].startswith("volume shop/data: filled: its claim is created")
    assert contents(back) == contents(volume)
    pods = [name for verb, kind, _, name in target.requests if (verb, kind) == ("create", "pods")]
    assert pods == ["resilience-volume-data", "db-0"]
    again = restore(request, snapshot, target, clock=FakeClock())
    assert again.complete
    assert again.volumes == ["volume shop/data: left: this restore has already filled it"]


def test_the_store_learns_how_large_a_volume_can_be(
    volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3 takes 10,000 parts: their size has to be chosen before the first one."""
    cluster, hints, upload = claimed(), dict[str, int](), MemoryStore.upload
    claim = cluster.objects["persistentvolumeclaims", "shop", "data"]
    claim["status"] = {"phase": "Bound", "capacity": {"storage": "200Gi"}}

    def watched(self: MemoryStore, key: str, *, size_hint: int = 0, **given: Any) -> Any:
        hints[key] = size_hint
        return upload(self, key, size_hint=size_hint, **given)

    monkeypatch.setattr(MemoryStore, "upload", watched)
    taken(cluster, LocalExec({"shop/resilience-volume-data": volume}))
    assert hints[layout.volume("one", "shop", "data")] == 200 << 30
    assert hints[layout.archive("one")] == 0


def test_the_helper_stands_where_the_volume_is_and_only_reads(volume: Path) -> None:
    cluster, pods = claimed(), list[Object]()
    made = cluster.on_create

    def watch(obj: Object) -> None:
        made(obj)
        if obj["metadata"]["name"].startswith("resilience-volume"):
            pods.append(obj)

    cluster.on_create = watch
    taken(cluster, LocalExec({"shop/resilience-volume-data": volume}))
    (pod,) = pods
    affinity = pod["spec"]["affinity"]["nodeAffinity"]
    (term,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert term["matchFields"][0]["values"] == ["node-3"]
    assert pod["spec"]["containers"][0]["volumeMounts"][0]["readOnly"] is True


def test_a_raw_block_device_is_refused_before_a_helper_is_made(volume: Path) -> None:
    cluster = claimed()
    cluster.objects["persistentvolumeclaims", "shop", "data"]["spec"]["volumeMode"] = "Block"
    with pytest.raises(VolumeFailed, match=r"raw block device: .* back up its content with an app"):
        taken(cluster, LocalExec({"shop/resilience-volume-data": volume}))
    assert ("create", "pods", "shop", "resilience-volume-data") not in cluster.requests


LOST = [
    (lambda out, ended: (out[:-10240], ended), "bytes arrived"),
    (lambda out, ended: (out[:500] + b"x" + out[501:], ended), "another sha256"),
    (lambda out, ended: (out, Ended(0, "")), "no end marker"),
    (lambda out, ended: (out, Ended(None, ended.stderr)), "without an exit status"),
    (lambda out, ended: (out, Ended(2, ended.stderr)), "ended with 2"),
]


@pytest.mark.parametrize(("after", "words"), LOST, ids=[words for _, words in LOST])
def test_without_any_one_of_the_four_proofs_there_is_no_snapshot(
    volume: Path, after: Any, words: str
) -> None:
    cluster, exec_ = claimed(), LocalExec({"shop/resilience-volume-data": volume})
    exec_.after = after
    store = MemoryStore()
    request = Request(name="one", scope=SCOPE, volumes=volumes(cluster, exec_).take)
    with pytest.raises(VolumeFailed, match=words):
        create(request, cluster, store, clock=FakeClock())
    assert not [key for key in store.files if key.startswith("backups/")]
    assert not [key for key in cluster.objects if "resilience-volume" in key[2]]


def test_a_stream_whose_helper_is_taken_away_is_begun_again(volume: Path) -> None:
    cluster, exec_ = claimed(), LocalExec({"shop/resilience-volume-data": volume})
    lost = 0

    def evicted(out: bytes, ended: Ended) -> tuple[bytes, Ended]:
        nonlocal lost
        lost += 1
        if lost > 2:
            return out, ended
        del cluster.objects["pods", "shop", "resilience-volume-data"]
        return out[:5000], Ended(None, "")

    exec_.after = evicted
    snapshot = opened(taken(cluster, exec_), "one")
    assert lost == 3
    assert verify(snapshot).intact


def test_a_helper_that_is_always_taken_away_fails_the_snapshot_and_leaves_nothing(
    volume: Path,
) -> None:
    cluster, exec_ = claimed(), LocalExec({"shop/resilience-volume-data": volume})

    def evicted(out: bytes, ended: Ended) -> tuple[bytes, Ended]:
        del cluster.objects["pods", "shop", "resilience-volume-data"]
        return b"", Ended(None, "")

    exec_.after = evicted
    store = MemoryStore()
    request = Request(name="one", scope=SCOPE, volumes=volumes(cluster, exec_).take)
    with pytest.raises(VolumeFailed, match="its helper Pod was deleted in the meantime"):
        create(request, cluster, store, clock=FakeClock())
    assert not [key for key in store.files if key.startswith("backups/")]


def test_the_helper_follows_the_volumes_user_to_another_node(volume: Path) -> None:
    cluster, nodes = claimed(), list[str]()

    def scheduled(obj: Object) -> None:
        if not obj["metadata"]["name"].startswith("resilience-volume"):
            return
        affinity = obj["spec"]["affinity"]["nodeAffinity"]
        (term,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
        nodes.append(term["matchFields"][0]["values"][0])
        obj["status"] = {"phase": "Pending" if nodes[-1] == "node-3" else "Running"}
        cluster.objects["pods", "shop", "db-0"]["spec"]["nodeName"] = "node-1"

    cluster.on_create = scheduled
    taken(cluster, LocalExec({"shop/resilience-volume-data": volume}))
    assert nodes == ["node-3", "node-1"]


class Draining(FakeClock):
    """The volume's user ends after so many waits."""

    def __init__(self, cluster: FakeCluster, waits: int) -> None:
        super().__init__()
        self._cluster, self._left = cluster, waits

    def wait(self, seconds: float) -> None:
        super().wait(seconds)
        self._left -= 1
        if self._left == 0:
            moved = user("db-0")
            moved["spec"]["nodeName"] = "node-1"
            self._cluster.objects["pods", "shop", "db-0"] = moved


def leaving(cluster: FakeCluster) -> list[str]:
    """The volume's user terminates; returns the nodes that helpers are sent to, in order."""
    there = cluster.objects["pods", "shop", "db-0"]
    there["metadata"]["deletionTimestamp"] = "2026-03-01T02:00:00Z"
    nodes: list[str] = []

    def scheduled(obj: Object) -> None:
        affinity = obj["spec"]["affinity"]["nodeAffinity"]
        (term,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
        nodes.append(term["matchFields"][0]["values"][0])
        obj["status"] = {"phase": "Running"}

    cluster.on_create = scheduled
    return nodes


@pytest.mark.parametrize(
    ("waits", "node"),
    [(1, "node-1"), (400, "node-1"), (10_000, "node-3")],
    ids=["at once", "after a long grace period", "never"],
)
def test_no_helper_is_sent_to_the_node_that_the_volumes_user_leaves(
    volume: Path, waits: int, node: str
) -> None:
    cluster = claimed()
    nodes = leaving(cluster)
    exec_ = LocalExec({"shop/resilience-volume-data": volume})
    clock = Draining(cluster, waits)
    tar = TarVolumes(cluster=cluster, exec=exec_, clock=clock, name="one")
    create(Request(name="one", scope=SCOPE, volumes=tar.take), cluster, MemoryStore(), clock=clock)
    assert nodes == [node]


def test_a_successor_with_a_node_is_preferred_to_the_user_that_leaves(volume: Path) -> None:
    cluster = claimed()
    nodes = leaving(cluster)
    successor = user("db-1")
    successor["spec"]["nodeName"] = "node-2"
    cluster.objects["pods", "shop", "db-1"] = successor
    taken(cluster, LocalExec({"shop/resilience-volume-data": volume}))
    assert nodes == ["node-2"]


def restored(
    name: str, snapshot: Snapshot, target: FakeCluster, exec_: LocalExec, **options: Any
) -> RestoreReport:
    mode = options.pop("mode", "fail")
    filling = volumes(target, exec_, name, mode=mode)
    request = RestoreRequest(name=name, volumes=filling, workers=1, **options)
    return restore(request, snapshot, target, clock=FakeClock())


@pytest.fixture
def twice(volume: Path, tmp_path: Path) -> tuple[Snapshot, FakeCluster, LocalExec, Path]:
    """A snapshot, and a cluster where it was restored once; its volume was spoilt since."""
    cluster, back = claimed(), tmp_path / "back"
    back.mkdir()
    exec_ = LocalExec({"shop/resilience-volume-data": volume})
    snapshot = opened(taken(cluster, exec_), "one")
    exec_.directories = {"shop/resilience-volume-data": back}
    target = FakeCluster()
    target.on_create = cluster.on_create
    assert restored("first", snapshot, target, exec_).complete
    (back / "script").write_text("SPOILT")
    claim = target.objects["persistentvolumeclaims", "shop", "data"]
    claim["spec"]["volumeName"] = "pv-7"
    del target.objects["pods", "shop", "db-0"]
    exec_.calls.clear()
    return snapshot, target, exec_, back


Twice = tuple[Snapshot, FakeCluster, LocalExec, Path]


def test_a_second_restore_refuses_a_volume_that_is_not_empty_before_it_writes(twice: Twice) -> None:
    snapshot, target, exec_, back = twice
    before = set(target.objects)
    with pytest.raises(RestoreRefused, match=r"volume shop/data.*not empty.*--volumes overwrite"):
        restored("second", snapshot, target, exec_)
    assert set(target.objects) == before
    assert (back / "script").read_text() == "SPOILT"


def test_a_second_restore_puts_the_data_back_when_told_to(twice: Twice, volume: Path) -> None:
    snapshot, target, exec_, back = twice
    report = restored("second", snapshot, target, exec_, mode="overwrite")
    assert report.volumes[0].startswith("volume shop/data: emptied and filled again")
    assert contents(back) == contents(volume)


@pytest.mark.parametrize(
    ("room", "had", "refused"),
    [("1Mi", "8Mi", True), ("8Mi", "8Mi", False), ("1Mi", "1Mi", False), ("", "8Mi", False)],
    ids=["smaller", "as it was", "no provisioner that counts", "unknown"],
)
def test_a_claim_without_room_for_the_data_is_refused_before_it_is_emptied(
    twice: Twice, monkeypatch: pytest.MonkeyPatch, room: str, had: str, refused: bool
) -> None:
    snapshot, target, exec_, back = twice
    claim = target.objects["persistentvolumeclaims", "shop", "data"]
    claim["status"] = {"capacity": {"storage": room}}
    recorded = {("shop", "data"): {"spec": {"resources": {"requests": {"storage": had}}}}}
    monkeypatch.setattr(TarVolumes, "_recorded", staticmethod(lambda snapshot: recorded.items()))
    told = partial(restored, "second", snapshot, target, exec_, mode="overwrite")
    assert told(dry_run=True).complete is not refused
    assert (back / "script").read_text() == "SPOILT"
    if refused:
        with pytest.raises(RestoreRefused, match="has a size of 1Mi"):
            told()
        assert (back / "script").read_text() == "SPOILT"
    else:
        assert told().complete
        assert (back / "script").read_text() != "SPOILT"


@pytest.mark.parametrize("gone", [True, False])
def test_a_claim_that_is_being_deleted_is_filled_when_it_was_created_again(
    twice: Twice, volume: Path, gone: bool
) -> None:
    snapshot, target, exec_, back = twice
    key = ("persistentvolumeclaims", "shop", "data")
    target.objects[key]["metadata"] |= {"deletionTimestamp": "2026", "finalizers": ["x/hold"]}
    shutil.rmtree(back)
    back.mkdir()

    class Going(FakeClock):
        def wait(self, seconds: float) -> None:
            super().wait(seconds)
            claim = target.objects.get(key)
            if gone and claim and "deletionTimestamp" in claim["metadata"]:
                del target.objects[key]

    filling = volumes(target, exec_, "second", mode="fail")
    request = RestoreRequest(name="second", volumes=filling, workers=1, patience=5)
    report = restore(request, snapshot, target, clock=Going())
    assert report.complete is gone
    assert report.volumes[0].startswith(f"volume shop/data: {'filled' if gone else 'left'}: ")
    assert list(back.iterdir()) if gone else not list(back.iterdir())


def test_a_second_restore_fills_a_claim_that_is_empty(twice: Twice, volume: Path) -> None:
    snapshot, target, exec_, back = twice
    shutil.rmtree(back)
    back.mkdir()
    report = restored("second", snapshot, target, exec_, mode="fill-empty", existing="update")
    assert report.volumes[0].startswith("volume shop/data: filled: its claim exists and is empty")
    assert contents(back) == contents(volume)


def test_an_update_leaves_what_is_in_use_and_names_it(twice: Twice) -> None:
    snapshot, target, exec_, back = twice
    target.add(user("db-0"))
    for mode in ("fill-empty", "skip"):
        report = restored("second", snapshot, target, exec_, mode=mode, existing="update")
        assert report.complete
        assert report.volumes[0].startswith("volume shop/data: left: ")
    assert exec_.calls == []
    assert (back / "script").read_text() == "SPOILT"


@pytest.mark.parametrize("mode", ["fail", "overwrite"])
def test_a_volume_in_use_is_never_written_to(twice: Twice, mode: str) -> None:
    snapshot, target, exec_, _ = twice
    target.add(user("db-0"))
    rehearsed = restored("x", snapshot, target, exec_, mode=mode, dry_run=True)
    assert [each.kind for each in rehearsed.bad] == ["volume"]
    with pytest.raises(RestoreRefused, match="Pod db-0 uses it"):
        restored("x", snapshot, target, exec_, mode=mode)
    assert exec_.calls == []


def test_a_rehearsal_mounts_nothing_and_says_what_it_cannot_know(twice: Twice) -> None:
    snapshot, target, exec_, _ = twice
    report = restored("second", snapshot, target, exec_, dry_run=True)
    assert exec_.calls == []
    assert "volume shop/data: cannot be checked yet: its claim exists" in report.volumes[0]


def test_a_restore_that_died_while_it_filled_a_volume_is_resumed(
    volume: Path, tmp_path: Path
) -> None:
    cluster, back = claimed(), tmp_path / "back"
    back.mkdir()
    exec_ = LocalExec({"shop/resilience-volume-data": volume})
    snapshot = opened(taken(cluster, exec_), "one")
    exec_.directories = {"shop/resilience-volume-data": back}
    target = FakeCluster()
    target.on_create = cluster.on_create

    def dies(out: bytes, ended: Ended) -> tuple[bytes, Ended]:
        if exec_.calls[-1][2] == "load":
            raise KeyboardInterrupt
        return out, ended

    exec_.after = dies
    with pytest.raises(KeyboardInterrupt):
        restored("r", snapshot, target, exec_)
    (back / "large").write_bytes(b"half of it")
    (back / "not of the snapshot").mkdir()
    exec_.after = lambda out, ended: (out, ended)
    report = restored("r", snapshot, target, exec_, ask_first=False)
    assert report.complete
    assert report.volumes[0].startswith(
        "volume shop/data: emptied and filled again: this restore began to fill it"
    )
    assert contents(back) == contents(volume)


Retained = tuple[Snapshot, FakeCluster, LocalExec, Path]


@pytest.fixture
def retained(volume: Path, tmp_path: Path) -> Retained:
    """The claim is lost, and its restored copy is bound to the disk of before, with newer data."""
    cluster, disk = claimed(), tmp_path / "disk"
    disk.mkdir()
    (disk / "newer").write_text("since the snapshot")
    exec_ = LocalExec({"shop/resilience-volume-data": volume})
    snapshot = opened(taken(cluster, exec_), "one")
    exec_.directories = {"shop/resilience-volume-data": disk}
    target = FakeCluster()
    target.on_create = cluster.on_create
    return snapshot, target, exec_, disk


def test_a_resumed_restore_never_empties_a_disk_that_was_retained(retained: Retained) -> None:
    snapshot, target, exec_, disk = retained
    with pytest.raises(VolumeFailed, match="retained and is not empty; its data was not touched"):
        restored("r", snapshot, target, exec_)
    target.objects["persistentvolumeclaims", "shop", "data"]["spec"]["volumeName"] = "pv-7"
    for ask_first in (True, False):
        with pytest.raises(RestoreRefused, match="not empty"):
            restored("r", snapshot, target, exec_, ask_first=ask_first)
    assert os.listdir(disk) == ["newer"]
    assert restored("r", snapshot, target, exec_, mode="skip").complete
    assert os.listdir(disk) == ["newer"]


@pytest.mark.parametrize("mode", ["skip", "fill-empty"])
def test_a_disk_that_was_retained_is_left_where_that_is_asked_for(
    retained: Retained, mode: str
) -> None:
    snapshot, target, exec_, disk = retained
    report = restored("r", snapshot, target, exec_, mode=mode)
    assert report.complete
    assert report.volumes[0].startswith("volume shop/data: left: its volume was retained")
    assert os.listdir(disk) == ["newer"]


def test_a_disk_that_was_retained_is_overwritten_where_that_is_asked_for(
    retained: Retained, volume: Path
) -> None:
    snapshot, target, exec_, disk = retained
    report = restored("r", snapshot, target, exec_, mode="overwrite")
    assert "retained with data, which is overwritten" in report.volumes[0]
    assert contents(disk) == contents(volume)


def test_a_claim_that_somebody_else_made_is_never_emptied_by_a_resumed_restore(
    twice: Twice,
) -> None:
    snapshot, target, exec_, back = twice
    with pytest.raises(RestoreRefused, match="not empty"):
        restored("second", snapshot, target, exec_, ask_first=False, existing="update")
    assert (back / "script").read_text() == "SPOILT"


def test_an_unreadable_volume_fails_and_is_named(tmp_path: Path) -> None:
    exec_ = LocalExec({"shop/resilience-volume-data": tmp_path / "absent"})
    exec_.after = lambda out, ended: (out, Ended(1, "PermissionError: denied"))
    with pytest.raises(VolumeFailed, match=r"volume shop/data: ended with 1: PermissionError"):
        taken(claimed(), exec_)


def test_a_volume_that_is_not_empty_is_not_written_over(volume: Path, tmp_path: Path) -> None:
    cluster, exec_ = claimed(), LocalExec({"shop/resilience-volume-data": volume})
    snapshot = opened(taken(cluster, exec_), "one")
    assert snapshot.manifest
    used = tmp_path / "used"
    used.mkdir()
    (used / "precious").write_text("keep me")
    exec_.directories["shop/resilience-volume-data"] = used
    with pytest.raises(VolumeFailed, match="the volume is not empty"):
        volumes(cluster, exec_).bring_back(snapshot, snapshot.manifest.volumes[0], "shop")
    assert os.listdir(used) == ["precious"]


def test_a_stored_stream_that_never_ends_is_cut_off_and_refused(
    volume: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster, exec_ = claimed(), LocalExec({"shop/resilience-volume-data": volume})
    snapshot = opened(taken(cluster, exec_), "one")
    assert snapshot.manifest
    exec_.directories["shop/resilience-volume-data"] = tmp_path / "back"
    (tmp_path / "back").mkdir()
    endless = itertools.repeat(b"\0" * 65536)
    monkeypatch.setattr(type(snapshot), "data", lambda self, record: endless)
    with pytest.raises(VolumeFailed, match="volume shop/data"):
        volumes(cluster, exec_).bring_back(snapshot, snapshot.manifest.volumes[0], "shop")


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda good: good[:2_000_000] + b"XYZ" + good[2_000_003:], "was changed"),
        (lambda good: good[:-1] + b"X", "was changed"),
        (lambda good: good[:2_000_000], "not an intact tar"),
    ],
    ids=["in a file", "after the last file", "cut"],
)
def test_no_byte_of_a_stream_that_is_not_the_recorded_one_stays_in_the_claim(
    spoil: Callable[[bytes], bytes], why: str, volume: Path, tmp_path: Path
) -> None:
    """Changed after the verification, as a lying store or a rotting disk does it."""
    cluster, back = claimed(), tmp_path / "back"
    back.mkdir()
    exec_ = LocalExec({"shop/resilience-volume-data": volume})
    store = taken(cluster, exec_)
    snapshot = opened(store, "one")
    assert verify(snapshot).intact
    assert snapshot.manifest
    exec_.directories = {"shop/resilience-volume-data": back}
    target = FakeCluster()
    target.on_create = cluster.on_create
    key = snapshot.manifest.volumes[0].key
    good = store.files[key]
    store.files[key] = spoil(good)
    with pytest.raises(VolumeFailed, match=f"volume shop/data: .*{why}"):
        restored("r", snapshot, target, exec_)
    assert os.listdir(back) == []
    claim = target.get(CLAIMS, "data", "shop")
    assert claim["metadata"]["annotations"][FILLING] == "r"
    assert FILLED not in claim["metadata"]["annotations"]
    assert not target.list(PODS, "shop")
    store.files[key] = good
    report = restored("r", snapshot, target, exec_, ask_first=False)
    assert report.complete
    assert contents(back) == contents(volume)


def test_a_volume_that_only_one_pod_may_mount_is_named_with_the_way_out() -> None:
    cluster = claimed()
    claim = cluster.objects["persistentvolumeclaims", "shop", "data"]
    claim["spec"]["accessModes"] = ["ReadWriteOncePod"]
    with pytest.raises(VolumeFailed, match=r"used by Pod db-0.*application dump"):
        taken(cluster, LocalExec({}))


def left(cluster: FakeCluster, **annotations: str) -> None:
    """A helper Pod of the volume."""
    metadata = {"name": "resilience-volume-data", "namespace": "shop", "labels": marks("volume"),
                "annotations": annotations}  # fmt: skip
    cluster.add({"apiVersion": "v1", "kind": "Pod", "metadata": metadata,
                 "spec": {"containers": [{"name": "volume"}]}})  # fmt: skip


def test_the_helper_of_a_run_that_was_killed_is_replaced(volume: Path) -> None:
    cluster, exec_ = claimed(), LocalExec({"shop/resilience-volume-data": volume})
    gone = holder().rpartition("/")[0] + "/1"
    left(cluster, **{RUN: "other", HOLDER: gone})
    assert verify(opened(taken(cluster, exec_), "one")).intact
    left(cluster, **{RUN: "other", HOLDER: "of another machine/4026531836/77/8000"})
    assert verify(opened(taken(cluster, exec_), "one")).intact


def test_the_helper_of_a_run_that_lives_is_not_touched(volume: Path) -> None:
    cluster, exec_ = claimed(), LocalExec({"shop/resilience-volume-data": volume})
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as living:
        stat = Path(f"/proc/{living.pid}/stat").read_text().rpartition(")")[2].split()
        machine = holder().rpartition("/")[0].rpartition("/")[0]
        left(cluster, **{RUN: "other", HOLDER: f"{machine}/{living.pid}/{stat[19]}"})
        with pytest.raises(VolumeFailed, match="other works on this volume now"):
            taken(cluster, exec_)
        living.kill()
    assert verify(opened(taken(cluster, exec_), "one")).intact


def test_a_pod_that_no_run_made_is_not_touched(volume: Path) -> None:
    cluster, exec_ = claimed(), LocalExec({"shop/resilience-volume-data": volume})
    left(cluster)
    with pytest.raises(VolumeFailed, match="no run claims to have created it"):
        taken(cluster, exec_)


def test_a_helper_that_never_runs_is_told_with_its_reason() -> None:
    cluster = claimed()
    cluster.on_create = lambda obj: obj.setdefault(
        "status", {"phase": "Pending", "conditions": [{"message": "0/3 nodes are available"}]}
    )
    with pytest.raises(VolumeFailed, match=r"Pending after at most 120s: 0/3 nodes are available"):
        taken(cluster, LocalExec({}))


class Told:
    """An exec that remembers, and answers by the command's first word."""

    def __init__(self, **answers: Ended) -> None:
        self.ran: list[str] = []
        self.answers = answers

    def run(
        self, namespace: str, pod: str, container: str, command: Sequence[str], **options: Any
    ) -> Ended:
        self.ran.append(f"{pod}/{container}: {' '.join(command)}")
        return self.answers.get(command[0], Ended(0, ""))


def hooked(**annotations: str) -> FakeCluster:
    cluster = claimed()
    pod = cluster.objects["pods", "shop", "db-0"]
    pod["metadata"]["annotations"] = {
        f"{name.replace('_', '.hook.backup.velero.io/', 1).replace('_', '-')}": value
        for name, value in annotations.items()
    }
    return cluster


def with_hooks(cluster: FakeCluster, exec_: Told, passed: list[str]) -> MemoryStore:
    store = MemoryStore()
    hooks = around(cluster, ["shop"], exec_, passed.append)
    create(Request(name="one", scope=SCOPE, hooks=hooks), cluster, store, clock=FakeClock())
    return store


def test_hooks_run_before_and_after() -> None:
    exec_ = Told()
    with_hooks(hooked(pre_command='["freeze", "now"]', post_command="thaw"), exec_, [])
    assert exec_.ran == ["db-0/db: freeze now", "db-0/db: thaw"]


def test_a_failing_hook_fails_the_snapshot_and_what_was_frozen_is_thawed() -> None:
    exec_ = Told(freeze=Ended(3, "no such database"))
    with pytest.raises(HookFailed, match="ended with 3: no such database"):
        with_hooks(hooked(pre_command="freeze", post_command="thaw"), exec_, [])
    assert exec_.ran[-1] == "db-0/db: thaw"


def test_a_hook_that_may_fail_is_told_and_passed_over() -> None:
    passed: list[str] = []
    exec_ = Told(freeze=Ended(None, ""))
    cluster = hooked(pre_command="freeze", pre_on_error="Continue")
    assert verify(opened(with_hooks(cluster, exec_, passed), "one")).intact
    assert "never ended" in passed[0]


@pytest.mark.parametrize(
    ("annotations", "words"),
    [
        (
            {"pre_command": "x", "pre_container": "nope"},
            "there is no container 'nope'; there are db",
        ),
        ({"pre_command": "x", "pre_on_error": "Ignore"}, "neither Fail nor Continue"),
        ({"pre_command": "x", "pre_timeout": "soon"}, "timeout: 'soon'; expected"),
        ({"pre_command": "[x"}, "not a JSON list"),
    ],
)
def test_a_hook_that_makes_no_sense_is_named(annotations: dict[str, str], words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        with_hooks(hooked(**annotations), Told(), [])


def test_a_collector_that_fails_still_thaws() -> None:
    cluster, exec_ = hooked(post_command="thaw"), Told()

    def broken(verb: str, kind: str, namespace: str, name: str) -> None:
        if (verb, kind) == ("list", "secrets"):
            raise BackupError("anything")

    cluster.faults.append(broken)
    with pytest.raises(BackupError):
        with_hooks(cluster, exec_, [])
    assert exec_.ran == ["db-0/db: thaw"]
