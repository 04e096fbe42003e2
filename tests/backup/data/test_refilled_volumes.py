"""A restore into claims that are there already: what it fills, what it leaves, what it refuses."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path

import pytest

from resilience.backup.catalog.catalog import Snapshot, opened
from resilience.backup.data.container_stream import Ended
from resilience.backup.data.volumes import TarVolumes
from resilience.backup.format.errors import (
    RestoreRefused,
    VolumeFailed,
)
from resilience.backup.restore.restore import restore
from resilience.backup.restore.restore_request import RestoreRequest
from tests.backup.data.local_volumes import (
    LocalExec,
    claimed,
    contents,
    restored,
    taken,
    user,
    volumes,
)
from tests.backup.fakes import FakeClock, FakeCluster


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


def test_a_refusal_names_the_restore_that_may_have_been_interrupted(twice: Twice) -> None:
    snapshot, target, exec_, _ = twice
    with pytest.raises(RestoreRefused, match=r"if restore first was .* with --resume first"):
        restored("second", snapshot, target, exec_)
    target.objects["persistentvolumeclaims", "shop", "data"]["metadata"]["annotations"].clear()
    with pytest.raises(RestoreRefused, match=r"--volumes overwrite\)?$"):
        restored("second", snapshot, target, exec_)


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
