"""What restic keeps is proven like everything else, stored once, and goes with its snapshot.

The program is the real one; each of its calls costs half a second, which is what it takes to turn a
password into a key. Snapshots are made once for the module and looked at by several tests.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from resilience.backup.catalog.catalog import opened, snapshots
from resilience.backup.catalog.verify import verify
from resilience.backup.data.container_stream import Ended
from resilience.backup.data.external_data import swept
from resilience.backup.drills.negative_controls import unseen
from resilience.backup.format import layout
from resilience.backup.format.errors import (
    BackupError,
    BadRequest,
    Missing,
    NoSnapshot,
    StoreError,
    StoreRefused,
    VolumeFailed,
)
from resilience.backup.objects.mapping import Targets
from resilience.backup.plans.copying import copy
from resilience.backup.plans.pruning import remove
from resilience.backup.restic import restic, restic_program
from resilience.backup.restore.restore import restore
from resilience.backup.restore.restore_request import RestoreRequest
from resilience.backup.store import Store
from resilience.backup.store.directory import DirectoryStore
from resilience.backup.store.memory import MemoryStore
from resilience.backup.store.s3 import S3Store
from resilience.backup.store.s3_client import S3Settings
from resilience.backup.take.data_request import Inside, with_data
from resilience.backup.take.snapshot import Request, create
from resilience.model.inside import Volumes
from tests.backup.data.local_volumes import LOST, SCOPE, LocalExec, claimed, contents, volumes
from tests.backup.fakes import FakeClock, FakeCluster
from tests.backup.servers import KEYS, moto

installed = pytest.mark.skipif(
    not shutil.which("restic"), reason="restic is not installed; `make test` does that on Debian"
)
PASSWORD = "a password that nobody may see"
HELPER = "shop/resilience-volume-data"
SIZE = 6 << 20
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module", autouse=True)
def _settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RESTIC_PASSWORD", PASSWORD)
        patch.setenv("RESTIC_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


def snapshot(
    store: Store, root: Path, name: str = "one", exec_: LocalExec | None = None
) -> LocalExec:
    exec_, cluster = exec_ or LocalExec({HELPER: root}), claimed()
    request = with_data(
        Request(name=name, scope=SCOPE),
        cluster,
        exec_,
        clock=FakeClock(),
        inside=Inside(volumes=Volumes(), engine="restic"),
        tell=lambda text: None,
    )
    create(request, cluster, store, clock=FakeClock())
    return exec_


def size_of(root: Path) -> int:
    return sum(each.stat().st_size for each in root.rglob("*") if each.is_file())


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[DirectoryStore, Path, int]:
    """Snapshots `one` and `two` of almost the same volume; the store's size after the first."""
    root, place = tmp_path_factory.mktemp("volume"), tmp_path_factory.mktemp("store")
    (root / "large").write_bytes(os.urandom(SIZE))
    (root / "note").write_text("first")
    store = DirectoryStore(place)
    snapshot(store, root, "one")
    before = size_of(place)
    (root / "note").write_text("second")
    snapshot(store, root, "two")
    return store, root, before


@pytest.fixture
def spare(two: tuple[DirectoryStore, Path, int], tmp_path: Path) -> DirectoryStore:
    """The same, to be spoilt."""
    shutil.copytree(two[0].root, tmp_path / "spare")
    return DirectoryStore(tmp_path / "spare")


@installed
def test_what_is_equal_is_stored_once(two: tuple[DirectoryStore, Path, int]) -> None:
    store, _, before = two
    assert before > SIZE
    assert size_of(store.root) - before < SIZE / 2
    for name in ("one", "two"):
        manifest = opened(store, name).manifest
        assert manifest
        (record,) = manifest.volumes
        assert (record.engine, record.key) == ("restic", layout.volume(name, "shop", "data"))
        assert record.bytes > SIZE
        assert not list(store.list(f"backups/{name}/volumes/"))


@installed
def test_each_snapshot_is_intact_and_comes_back_file_by_file(
    two: tuple[DirectoryStore, Path, int], tmp_path: Path
) -> None:
    store, root, _ = two
    found = opened(store, "two")
    assert verify(found).findings == []
    copy_of, cluster = tmp_path / "copy", FakeCluster()
    copy_of.mkdir()
    cluster.on_create = lambda obj: obj.setdefault("status", {"phase": "Running"})
    filling = volumes(cluster, LocalExec({"copy/resilience-volume-data": copy_of}))
    request = RestoreRequest(
        name="r", targets=Targets(namespaces={"shop": "copy"}), volumes=filling
    )
    assert restore(request, found, cluster, clock=FakeClock()).complete
    assert contents(copy_of) == contents(root)


@installed
def test_the_control_changes_a_bit_of_it_too(
    two: tuple[DirectoryStore, Path, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _, _ = two
    assert unseen(opened(store, "two")) == []
    monkeypatch.setattr("resilience.backup.catalog.verify.elsewhere", lambda snapshot: iter(()))
    assert unseen(opened(store, "two")) == ["a changed bit of what an engine keeps"]


@installed
def test_a_changed_bit_of_the_repository_is_found(
    spare: DirectoryStore,
) -> None:
    store = spare
    pack = max(
        (store.root / layout.RESTIC / "data").rglob("*"), key=lambda each: each.stat().st_size
    )
    pack.chmod(0o600)
    with pack.open("r+b") as file:
        file.seek(pack.stat().st_size // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 4]))
    found = verify(opened(store, "one")).findings
    assert len(found) == 1
    assert "volumes/shop/data.tar cannot be read: restic" in found[0]


@installed
def test_the_data_goes_with_its_snapshot_and_not_with_another(
    spare: DirectoryStore,
) -> None:
    store = spare
    remove(store, "one")
    now, day = datetime.now(UTC), timedelta(days=1)
    assert swept(store, (), now, after=day, dry_run=False) == []  # it may still be being made
    told = swept(store, ["one"], now, after=day, dry_run=True)
    assert told == ["1 stream of restic: would be deleted"]
    later = now + day + day
    assert swept(store, (), later, after=day, dry_run=False) == ["1 stream of restic: deleted"]
    assert set(restic.repository(store).recorded()) == {layout.volume("two", "shop", "data")}
    assert verify(opened(store, "two")).intact


@installed
def test_a_copy_takes_the_data_along(two: tuple[DirectoryStore, Path, int], tmp_path: Path) -> None:
    target = DirectoryStore(tmp_path)
    assert copy(two[0], target, "two", clock=FakeClock()) > SIZE
    assert verify(opened(target, "two")).intact


@installed
def test_without_any_one_proof_restic_has_recorded_nothing(
    spare: DirectoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, root, before = spare, tmp_path / "volume", restic.repository(spare).recorded()
    root.mkdir()
    (root / "file").write_bytes(os.urandom(1 << 20))
    monkeypatch.setattr(restic.ResticRepository, "forget", lambda self, keys: None)
    for after, words in LOST:
        exec_ = LocalExec({HELPER: root})
        exec_.after = after
        with pytest.raises(VolumeFailed, match=words):
            snapshot(store, root, "three", exec_)
    assert restic.repository(store).recorded() == before
    with pytest.raises(NoSnapshot):
        opened(store, "three")


@installed
def test_a_snapshot_that_fails_later_takes_its_data_back(
    spare: DirectoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "volume"
    root.mkdir()

    def full(*_: object) -> None:
        raise StoreError("no more")

    monkeypatch.setattr("resilience.backup.take.snapshot._Making._side_files", full)
    with pytest.raises(StoreError, match="no more"):
        snapshot(spare, root, "three")
    assert layout.volume("three", "shop", "data") not in restic.repository(spare).recorded()


@installed
def test_two_that_make_the_repository_at_once_make_one(tmp_path: Path) -> None:
    store, failed = DirectoryStore(tmp_path), list[BackupError]()

    def first(number: int) -> None:
        try:
            with restic.made(store).streamed(f"backups/{number}/x") as write:
                write(b"data")
        except BackupError as problem:
            failed.append(problem)

    both = [threading.Thread(target=first, args=(number,)) for number in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert failed == []
    assert set(restic.repository(store).recorded()) == {"backups/0/x", "backups/1/x"}


@installed
def test_the_password_is_in_no_argument_and_no_message(
    two: tuple[DirectoryStore, Path, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = restic.repository(two[0])
    assert PASSWORD not in " ".join(restic_program.command(found.place, ["snapshots"]))
    monkeypatch.setenv("RESTIC_PASSWORD", "another that nobody may see")
    with pytest.raises(StoreRefused, match="wrong password") as caught:
        found.recorded()
    assert "may see" not in str(caught.value)


@installed
def test_what_was_never_stored_is_missing(two: tuple[DirectoryStore, Path, int]) -> None:
    with pytest.raises(Missing, match="no snapshot found"):
        list(restic.repository(two[0]).read("backups/three/x"))


@installed
def test_it_works_in_s3_with_the_stores_own_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    root = tmp_path / "volume"
    root.mkdir()
    (root / "file").write_bytes(os.urandom(1 << 20))
    with moto() as endpoint:
        settings = S3Settings(bucket="bucket", prefix="p/q", endpoint=endpoint, region="us-east-1")
        store = S3Store(settings, url="s3://bucket/p/q")
        store.client.create_bucket(Bucket="bucket")
        snapshot(store, root)
        assert verify(opened(store, "one")).intact
        assert set(store.directories()) <= layout.KNOWN_DIRECTORIES


def test_a_session_token_of_other_keys_is_not_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    settings = S3Settings(bucket="bucket", prefix="", region="us-east-1")
    place = restic_program.place(S3Store(settings, url="s3://bucket"))
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-someone-else")
    given = restic_program.environment(place)
    assert given["AWS_ACCESS_KEY_ID"] == KEYS["AWS_ACCESS_KEY_ID"]
    assert not given["AWS_SESSION_TOKEN"]


def test_where_it_is_not_installed_this_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    store = DirectoryStore(tmp_path / "store")
    with pytest.raises(BadRequest, match="restic is not installed here: install it"):
        snapshot(store, tmp_path)
    assert not list(store.list("backups/"))


@installed
def test_a_missing_restic_password_names_the_variable_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RESTIC_PASSWORD")
    with pytest.raises(BadRequest, match="set RESTIC_PASSWORD_FILE"):
        snapshot(DirectoryStore(tmp_path / "store"), tmp_path)


def test_a_store_that_it_cannot_reach_and_a_lock_that_it_cannot_keep_are_refused(
    tmp_path: Path,
) -> None:
    with pytest.raises(BadRequest, match="a directory or in S3"):
        snapshot(MemoryStore(), tmp_path)
    request = Request(name="one", engine="restic", retain_until=datetime.now(UTC))
    with pytest.raises(BadRequest, match="retention lock"):
        create(request, claimed(), DirectoryStore(tmp_path), clock=FakeClock())


class Dying(LocalExec):
    """As if by kill -9 once half of the volume has gone to restic."""

    def run(self, *words: Any, **more: Any) -> Ended:
        stdout, sent = more.pop("stdout"), 0

        def until_half(data: bytes) -> None:
            nonlocal sent
            stdout(data)
            sent += len(data)
            if sent > SIZE // 2:
                os.kill(os.getpid(), signal.SIGKILL)

        return super().run(*words, stdout=until_half, **more)


def die(store: str, root: str) -> None:
    """In a process of its own."""
    snapshot(DirectoryStore(Path(store)), Path(root), "cut", Dying({HELPER: Path(root)}))


@installed
def test_kill_9_in_the_middle_of_a_stream_leaves_no_snapshot_and_nothing_in_the_way(
    spare: DirectoryStore, two: tuple[DirectoryStore, Path, int]
) -> None:
    store, root = spare, two[1]
    program = "import sys; from tests.backup.restic.test_restic import die; die(*sys.argv[1:])"
    words = [sys.executable, "-c", program, str(store.root), str(root)]
    done = subprocess.run(words, cwd=ROOT, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    assert [each.name for each in snapshots(store)] == ["one", "two"]
    with pytest.raises(NoSnapshot):
        opened(store, "cut")
    snapshot(store, root, "three")
    assert verify(opened(store, "three")).intact
