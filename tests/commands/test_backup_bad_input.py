"""What a store or a cluster does that it should not: one clear line, nothing lost, nothing visible.

The store is moto behind a proxy that gives S3's own errors; the cluster is the twin.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from resilience.backup.catalog.catalog import opened, snapshots
from resilience.backup.catalog.verify import verify
from resilience.backup.catalog.verify_record import record
from resilience.backup.format import layout
from resilience.backup.format.errors import (
    Incomplete,
    StoreError,
    StoreFull,
    StoreRefused,
    StoreUnreachable,
)
from resilience.backup.plans.pruning import remove
from resilience.backup.proof.compare import with_cluster
from resilience.backup.restore.restore import restore
from resilience.backup.restore.restore_request import RestoreRequest
from resilience.backup.store.memory import MemoryStore
from resilience.backup.store.s3 import S3Store
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, create
from resilience.cluster.interface import Object
from tests.backup.fakes import FakeClock, FakeCluster, config_map, shop
from tests.backup.servers import KEYS, fault_proxy, moto
from tests.backup.store.trial import s3
from tests.spaces import fresh

SCOPE = Scope(namespaces=("shop",))
ONE = Request(name="one", scope=SCOPE)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with moto() as found:
        yield found


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture
def bucket(endpoint: str) -> S3Store:
    name = fresh("bucket")
    store = s3(endpoint, name, attempts=1)
    store.client.create_bucket(Bucket=name)
    return store


REFUSED = [
    ("403 AccessDenied", StoreRefused, "access denied"),
    ("403 RequestTimeTooSkewed", StoreRefused, "this machine's clock differs too much"),
    ("400 ExpiredToken", StoreRefused, "the credentials have expired; renew them"),
    ("301 PermanentRedirect", StoreRefused, "the bucket is in another region"),
    ("400 AuthorizationHeaderMalformed", StoreRefused, "the bucket is in another region"),
    ("507 InsufficientStorage", StoreFull, "no space left while writing"),
    ("403 QuotaExceeded", StoreFull, "no space left while writing"),
    ("503 SlowDown", StoreUnreachable, "the store answers 503 SlowDown"),
    ("stall", StoreUnreachable, "Read timeout"),
    ("lost", StoreUnreachable, "Connection was closed|closed"),
]


@pytest.mark.parametrize(("fault", "error", "words"), REFUSED, ids=[each for each, _, _ in REFUSED])
@pytest.mark.parametrize("write", [1, 5], ids=["at-once", "in-the-middle"])
def test_a_store_that_says_no_is_one_line_and_leaves_no_snapshot(
    bucket: S3Store, endpoint: str, fault: str, error: type[StoreError], words: str, write: int
) -> None:
    writes = 0

    def no(method: str, path: str, number: int) -> str:
        nonlocal writes
        writes += method == "PUT"
        return fault if method == "PUT" and writes >= write else ""

    with fault_proxy(endpoint, no) as between:
        patience = 0.5 if fault == "stall" else 60.0
        store = s3(between, bucket.settings.bucket, attempts=1, read_timeout=patience)
        with pytest.raises(error, match=words) as caught:
            create(ONE, shop(), store, clock=FakeClock())
        store.client.close()
    assert len(str(caught.value).splitlines()) == 1
    assert writes >= write or fault == "stall"  # a slow machine may be out of patience before
    assert snapshots(bucket) == []


def test_credentials_that_expire_while_reading_stop_a_restore_before_it_begins(
    bucket: S3Store, endpoint: str
) -> None:
    create(ONE, shop(), bucket, clock=FakeClock())
    gets = 0

    def expired(method: str, path: str, number: int) -> str:
        nonlocal gets
        gets += method == "GET"
        return "400 ExpiredToken" if gets > 3 else ""

    with fault_proxy(endpoint, expired) as between:
        store = s3(between, bucket.settings.bucket, attempts=1)
        with pytest.raises(StoreRefused, match="have expired"):
            verify(opened(store, "one"))
        store.client.close()


def test_a_bucket_with_foreign_files_is_used_and_left_as_it_is(bucket: S3Store) -> None:
    foreign = ["readme.txt", "backups/notes.txt", "backups/other/thing.bin", "photos/a.jpg"]
    for key in foreign:
        bucket.put(key, b"not ours")
    create(ONE, shop(), bucket, clock=FakeClock())
    assert [each.name for each in snapshots(bucket)] == ["one"]
    assert verify(opened(bucket, "one")).intact
    remove(bucket, "one")
    left = {entry.key for entry in bucket.list() if not entry.key.startswith(layout.OURS)}
    assert left == set(foreign)


def test_a_foreign_file_among_a_snapshots_own_is_named() -> None:
    store = MemoryStore()
    create(ONE, shop(), store, clock=FakeClock())
    store.put("backups/one/extra.bin", b"who put this here?")
    assert verify(opened(store, "one")).findings == [
        "backups/one/extra.bin was not written with this snapshot"
    ]


def test_a_locked_snapshot_outlives_its_retention(endpoint: str) -> None:
    store = s3(endpoint, "locked-bucket", attempts=1)
    store.client.create_bucket(Bucket="locked-bucket", ObjectLockEnabledForBucket=True)
    until = datetime.now(UTC) + timedelta(days=2)
    request = Request(name="one", scope=SCOPE, retain_until=until)
    create(request, shop(), store, clock=FakeClock())
    record(opened(store, "one"), verify(opened(store, "one")), datetime.now(UTC))
    assert remove(store, "one").startswith("kept: ")
    assert verify(opened(store, "one")).intact


NAMES = ["system:controller:x", "a.b-c.0", "UPPER:lower", "rôle", "with space", "a+b=c", "-"]


def test_names_with_unusual_characters_come_back_whole() -> None:
    cluster = shop()
    for name in NAMES:
        cluster.add(role(name))
    store, target = MemoryStore(), FakeCluster()
    create(ONE, cluster, store, clock=FakeClock())
    assert verify(opened(store, "one")).intact
    request = RestoreRequest(name="r", ask_first=False)
    assert restore(request, opened(store, "one"), target, clock=FakeClock()).complete
    kind = "rolebindings.rbac.authorization.k8s.io"
    assert {name for what, _, name in target.objects if what == kind} >= set(NAMES)


def role(name: str) -> Object:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": name, "namespace": "shop"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "x"},
        "subjects": [],
    }


def test_objects_of_five_megabytes_and_full_secrets_come_back_and_are_not_shown() -> None:
    cluster, secret = shop(), base64.b64encode(b"do-not-show" * 70_000).decode()
    cluster.add(
        sized("ConfigMap", {"text": "x" * (5 << 20)}),
        sized("Secret", {"value": secret}),
    )
    store, target = MemoryStore(), FakeCluster()
    manifest = create(ONE, cluster, store, clock=FakeClock())
    assert "do-not-show" not in manifest.encoded().decode()
    assert secret[:40] not in manifest.encoded().decode()
    snapshot = opened(store, "one")
    assert verify(snapshot).intact
    request = RestoreRequest(name="r", ask_first=False)
    assert restore(request, snapshot, target, clock=FakeClock()).complete
    assert with_cluster(snapshot, target).changes == []
    target.objects["secrets", "shop", "large"]["data"]["value"] = "b3RoZXI="
    (change,) = with_cluster(snapshot, target).changes
    assert secret[:40] not in str(change)


def sized(kind: str, data: dict[str, Any]) -> Object:
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": "large", "namespace": "shop"},
        "data": data,
    }


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"deletionTimestamp": "2026-03-01T00:00:00Z"}, "namespace shop is being deleted"),
        (
            {"labels": {"velero.io/exclude-from-backup": "true"}},
            "namespace shop is labelled velero.io/exclude-from-backup",
        ),
    ],
)
def test_a_namespace_that_would_be_left_out_is_no_empty_snapshot(
    metadata: dict[str, Any], words: str
) -> None:
    cluster, store = shop(), MemoryStore()
    cluster.objects["namespaces", "", "shop"]["metadata"] |= metadata
    with pytest.raises(Incomplete, match=words):
        create(ONE, cluster, store, clock=FakeClock())
    assert snapshots(store) == []
    cluster.namespace("other")
    cluster.add(config_map("one", "other"))
    create(Request(name="all"), cluster, store, clock=FakeClock())  # a pattern passes it by
    held = opened(store, "all").manifest
    assert held
    assert "shop" not in held.namespaces
