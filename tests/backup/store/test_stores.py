"""S3 and directories: locks, versions, trouble on the way, and every refusal in clear words."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from resilience.backup.catalog.catalog import Snapshot, listed, opened, snapshots
from resilience.backup.catalog.hidden_snapshots import hidden_snapshots, undelete
from resilience.backup.catalog.verify import verify
from resilience.backup.format import layout
from resilience.backup.format.errors import (
    Archived,
    BadRequest,
    Exists,
    NoSnapshot,
    OverwritesSilently,
    Retained,
    StoreError,
    StoreFull,
    StoreRefused,
    StoreUnreachable,
)
from resilience.backup.store import open_store
from resilience.backup.store.create_only import require_create_only
from resilience.backup.store.s3 import S3Store
from resilience.backup.store.s3_errors import _translated
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, create
from tests.backup.fakes import FakeClock, shop
from tests.backup.servers import KEYS, fault_proxy, rclone
from tests.backup.store.trial import LARGE, s3, uploaded

pytestmark = pytest.mark.usefixtures("keys")


@pytest.fixture(scope="module")
def rclone_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("rclone")
    (directory / "backups").mkdir()
    with rclone(directory) as endpoint:
        yield endpoint


def test_rclone_overwrites_silently_and_is_named(rclone_endpoint: str) -> None:
    store = s3(rclone_endpoint, "backups")
    with pytest.raises(OverwritesSilently, match=r"s3://backups/clusters/one ignores"):
        require_create_only(store)


def test_an_accepted_overwriter_is_looked_at_before_each_write(rclone_endpoint: str) -> None:
    store = s3(rclone_endpoint, "backups", overwrites_accepted=True)
    uploaded(store, "backups/a/large", LARGE)
    assert b"".join(store.stream("backups/a/large")) == LARGE
    with pytest.raises(Exists):
        store.put("backups/a/large", b"other")
    with pytest.raises(Exists):
        uploaded(store, "backups/a/large", b"other")


def test_versions_are_recorded_and_read(bucket: S3Store) -> None:
    name = bucket.settings.bucket
    bucket.client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    request = Request(name="one", scope=Scope(namespaces=("shop",)))
    manifest = create(request, shop(), bucket, clock=FakeClock())
    payload = [each for each in manifest.files if each.key != layout.marker("one")]
    assert all(each.version for each in payload)
    key = "clusters/one/" + layout.archive("one")
    bucket.client.put_object(Bucket=name, Key=key, Body=b"replaced by a thief")
    assert verify(opened(bucket, "one")).intact


def test_a_locked_snapshot_that_somebody_deleted_is_named_and_made_visible_again(
    moto_endpoint: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = s3(moto_endpoint, "hidden")
    bucket.client.create_bucket(Bucket="hidden", ObjectLockEnabledForBucket=True)
    until = datetime.now(UTC) + timedelta(days=2)
    request = Request(name="lk1", scope=Scope(namespaces=("shop",)), retain_until=until)
    create(request, shop(), bucket, clock=FakeClock())
    for entry in list(bucket.list(layout.directory("lk1"))):
        bucket.client.delete_object(Bucket="hidden", Key=bucket.full_key(entry.key))
    assert snapshots(bucket) == []
    told = f"snapshot lk1 was deleted on .* a lock keeps it until {until:%Y-%m-%d}.*undelete lk1"
    with pytest.raises(NoSnapshot, match=told):
        opened(bucket, "lk1")
    (found,) = hidden_snapshots(bucket)
    assert found.until
    assert undelete(bucket, "lk1") == len(list(bucket.list(layout.directory("lk1"))))
    assert verify(opened(bucket, "lk1")).intact
    assert hidden_snapshots(bucket) == []
    with pytest.raises(NoSnapshot, match="no snapshot lk1 is hidden"):
        undelete(bucket, "lk1")


def test_a_locked_object_cannot_be_deleted_before_its_date(moto_endpoint: str) -> None:
    store = s3(moto_endpoint, "locked")
    store.client.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    until = datetime.now(UTC) + timedelta(days=3)
    store.put("backups/a/x", b"1", retain_until=until)
    with store.upload("backups/a/y", retain_until=until) as upload:
        upload.write(LARGE)
        upload.commit()
    for key in ("backups/a/x", "backups/a/y"):
        with pytest.raises(Retained, match=f"{key} is locked until {until:%Y-%m-%d}"):
            store.delete(key)


@pytest.mark.parametrize("fault", ["503", "lost"])
def test_a_short_trouble_of_the_store_is_ridden_out(
    bucket: S3Store, moto_endpoint: str, fault: str
) -> None:
    def trouble(method: str, path: str, number: int) -> str:
        return fault if number in (3, 6, 12, 20) and method in ("PUT", "POST") else ""

    with fault_proxy(moto_endpoint, trouble) as endpoint:
        store = s3(endpoint, bucket.settings.bucket, attempts=4)
        request = Request(name="one", scope=Scope(namespaces=("shop",)))
        create(request, shop(), store, clock=FakeClock())
        uploaded(store, "backups/zz/large", LARGE)
        store.client.close()
    assert verify(opened(bucket, "one")).intact
    assert bucket.read("backups/zz/large") == LARGE


def test_a_read_that_is_cut_goes_on_where_it_stopped(
    bucket: S3Store,
    moto_endpoint: str,
) -> None:
    uploaded(bucket, "backups/a/large", LARGE)
    cuts = [True, True, True]

    def cut(method: str, path: str, number: int) -> str:
        return "cut" if method == "GET" and cuts and cuts.pop() else ""

    with fault_proxy(moto_endpoint, cut) as endpoint:
        store = s3(endpoint, bucket.settings.bucket)
        assert b"".join(store.stream("backups/a/large")) == LARGE
        store.client.close()
    assert cuts == []


def test_a_read_that_is_cut_for_ever_is_an_error_and_no_short_file(
    bucket: S3Store,
    moto_endpoint: str,
) -> None:
    uploaded(bucket, "backups/a/large", LARGE)

    def cut(method: str, path: str, number: int) -> str:
        return "cut" if method == "GET" else ""

    with fault_proxy(moto_endpoint, cut) as endpoint:
        store = s3(endpoint, bucket.settings.bucket)
        with pytest.raises(StoreUnreachable, match="was cut 5 times"):
            store.read("backups/a/large")
        store.client.close()


@pytest.mark.parametrize("first", range(2, 14))
def test_a_store_that_goes_down_at_any_write_leaves_no_visible_snapshot(
    bucket: S3Store,
    moto_endpoint: str,
    first: int,
) -> None:
    def down(method: str, path: str, number: int) -> str:
        return "503" if number >= first else ""

    with fault_proxy(moto_endpoint, down) as endpoint:
        store = s3(endpoint, bucket.settings.bucket, attempts=1)
        request = Request(name="one", scope=Scope(namespaces=("shop",)))
        with pytest.raises(StoreError):
            create(request, shop(), store, clock=FakeClock())
        store.client.close()
    assert snapshots(bucket) == []


def test_each_refusal_is_one_clear_line(moto_endpoint: str, tmp_path: Path) -> None:
    with pytest.raises(StoreRefused, match="the bucket does not exist"):
        s3(moto_endpoint, "nowhere").put("x", b"1")
    with pytest.raises(StoreUnreachable, match="Could not connect"):
        s3("http://127.0.0.1:9", "any", attempts=1).put("x", b"1")
    with pytest.raises(StoreRefused, match="nobody"):
        s3(moto_endpoint, "any", profile="nobody").put("x", b"1")
    with pytest.raises(BadRequest, match="unknown option 'regoin'"):
        open_store("s3://bucket/x?regoin=eu-central-1")
    with pytest.raises(BadRequest, match="expected s3://BUCKET/PREFIX, gs://"):
        open_store("ftp://host/x")
    blocked = tmp_path / "file"
    blocked.write_text("no directory")
    with pytest.raises(StoreError, match=r"x: (Not a directory|File exists)"):
        open_store(f"file:{blocked}").put("x", b"1")


def test_the_stores_own_words_are_kept() -> None:
    answer = {
        "Error": {"Code": "AccessDenied", "Message": "encryption is required by a policy"},
        "ResponseMetadata": {"HTTPStatusCode": 403},
    }
    found = _translated("s3://b", "k", answer)
    assert isinstance(found, StoreRefused)
    assert "encryption is required by a policy" in str(found)


def test_encryption_is_asked_for_with_every_write(bucket: S3Store) -> None:
    secret = S3Store(replace(bucket.settings, sse="AES256"), url=bucket.url)
    secret.put("small", b"1")
    uploaded(secret, "large", LARGE)
    assert {secret.head(key)["ServerSideEncryption"] for key in ("small", "large")} == {"AES256"}


def test_an_archived_snapshot_hides_no_other(bucket: S3Store) -> None:
    for name in ("old", "new"):
        create(Request(name=name), shop(), bucket, clock=FakeClock())
    bucket.client.copy_object(
        Bucket=bucket.settings.bucket,
        Key=bucket.full_key(layout.manifest("old")),
        CopySource={
            "Bucket": bucket.settings.bucket,
            "Key": bucket.full_key(layout.manifest("old")),
        },
        StorageClass="GLACIER",
    )
    rows = {each.name: Snapshot(bucket, each) for each in listed(bucket)}
    with pytest.raises(Archived, match="restore it in the store first"):
        rows["old"].manifest  # noqa: B018
    assert rows["new"].manifest is not None


def test_a_wrong_secret_key_is_reported_as_such(
    rclone_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(StoreRefused, match=r"secret key is wrong|access denied"):
        s3(rclone_endpoint, "backups", attempts=1).put("x", b"1")


def test_missing_credentials_name_the_variable_to_set(
    moto_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in KEYS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(StoreRefused, match="no credentials found; set AWS_ACCESS_KEY_ID"):
        s3(moto_endpoint, "any").put("x", b"1")


def test_a_full_disk_leaves_nothing_visible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flush = os.fsync

    def full(handle: int) -> None:
        if stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        flush(handle)

    monkeypatch.setattr(os, "fsync", full)
    store = open_store(f"file:{tmp_path}")
    with pytest.raises(StoreFull, match="no space left while writing backups/a/x"):
        store.put("backups/a/x", b"1")
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == []


@pytest.mark.parametrize("key", ["../x", "a/../x", "/x", "a//x", ".unfinished-1"])
def test_a_directory_store_cannot_be_led_outside(tmp_path: Path, key: str) -> None:
    with pytest.raises(BadRequest, match="not a key of a store"):
        open_store(f"file:{tmp_path}").put(key, b"1")


def test_files_are_their_owners_alone(tmp_path: Path) -> None:
    open_store(f"file:{tmp_path}/data").put("backups/a/x", b"1")
    assert (tmp_path / "data/backups/a/x").stat().st_mode & 0o077 == 0


def test_a_writer_killed_in_the_middle_leaves_only_what_the_sweep_takes(tmp_path: Path) -> None:
    script = (
        "import sys, os; from resilience.backup.store import open_store\n"
        "upload = open_store(sys.argv[1]).upload('backups/a/x'); upload.write(b'1' * (1 << 20))\n"
        "print('written', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, f"file:{tmp_path}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"written\n"
        process.send_signal(signal.SIGKILL)
    store = open_store(f"file:{tmp_path}")
    assert list(store.list()) == []
    assert store.sweep(datetime.now(UTC) - timedelta(days=1)) == 0
    assert store.sweep(datetime.now(UTC) + timedelta(minutes=1)) == 1
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == []
    assert os.listdir(tmp_path) == []
