"""The data of a volume comes back file by file, or the snapshot does not exist."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from resilience.backup.catalog.catalog import opened
from resilience.backup.catalog.verify import verify
from resilience.backup.data.container_stream import Ended
from resilience.backup.format import layout
from resilience.backup.format.errors import (
    VolumeFailed,
)
from resilience.backup.objects.rules import FILLED, FILLING
from resilience.backup.restore.restore import restore
from resilience.backup.restore.restore_request import RestoreRequest
from resilience.backup.store.memory import MemoryStore
from resilience.backup.take.snapshot import Request, create
from resilience.cluster.interface import CLAIMS, PODS
from tests.backup.data.local_volumes import (
    LOST,
    SCOPE,
    LocalExec,
    claimed,
    contents,
    restored,
    taken,
    volumes,
)
from tests.backup.fakes import FakeClock, FakeCluster


def test_files_links_modes_and_times_come_back(volume: Path, tmp_path: Path) -> None:
    cluster, back = claimed(), tmp_path / "back"
    back.mkdir()
    exec_ = LocalExec({"shop/resilience-volume-data": volume})
    store = taken(cluster, exec_)
    snapshot = opened(store, "one")
    checked = verify(snapshot)
    assert checked.intact
    assert snapshot.manifest
    (record,) = snapshot.manifest.volumes
    assert (checked.volumes, checked.dumps, checked.data_bytes) == (1, 0, record.bytes)
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
