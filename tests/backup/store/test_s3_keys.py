"""Encryption, credentials, addresses and locks of S3, as moto holds them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from resilience.backup.catalog.catalog import opened
from resilience.backup.catalog.verify import verify
from resilience.backup.format.errors import BadRequest, Retained, StoreRefused
from resilience.backup.restic import restic_program
from resilience.backup.store import open_store
from resilience.backup.store.s3 import S3Store
from resilience.backup.store.s3_errors import _translated
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, create
from tests.backup.fakes import FakeClock, shop
from tests.backup.servers import KEYS, moto

KEY = bytes(range(32))
LARGE = bytes(20 << 20)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with moto() as found:
        yield found


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture
def at(endpoint: str, request: pytest.FixtureRequest) -> Callable[..., S3Store]:
    """A store in a bucket of the test's own, with options of a URL."""
    bucket = "k" + "".join(c for c in request.node.name.lower() if c.isalnum())[-40:]

    def store(query: str = "", *, lock: bool = False) -> S3Store:
        found = open_store(f"s3://{bucket}/one?endpoint={endpoint}{query}")
        assert isinstance(found, S3Store)
        found.client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=lock)
        return found

    return store


def taken(store: S3Store, name: str = "one") -> None:
    create(Request(name=name, scope=Scope(namespaces=("shop",))), shop(), store, clock=FakeClock())


def uploaded(store: S3Store, key: str) -> None:
    with store.upload(key) as upload:
        upload.write(LARGE)
        upload.commit()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("&sse=AES256", {"ServerSideEncryption": "AES256"}),
        ("&sse=aws:kms&kms_key=alias/b", {"ServerSideEncryption": "aws:kms",
                                          "SSEKMSKeyId": "alias/b"}),
    ],
)  # fmt: skip
def test_a_snapshot_is_encrypted_by_the_store_as_its_url_says(
    at: Callable[..., S3Store], query: str, expected: dict[str, str]
) -> None:
    store = at(query)
    taken(store)
    for entry in store.list("backups/"):
        head = store.head(entry.key)
        assert {name: head.get(name) for name in expected} == expected, entry.key
    assert verify(opened(store, "one")).intact


@pytest.mark.parametrize("form", [lambda key: key, base64.b64encode])
def test_a_key_of_ones_own_goes_with_every_request_for_content(
    at: Callable[..., S3Store], tmp_path: Path, form: Callable[[bytes], bytes]
) -> None:
    file = tmp_path / "key"
    file.write_bytes(form(KEY))
    store = at(f"&sse_c={file}")
    asked = list[tuple[str, Any]]()
    for operation in (
        "PutObject",
        "CreateMultipartUpload",
        "UploadPart",
        "GetObject",
        "HeadObject",
    ):
        store.client.meta.events.register(
            f"before-call.s3.{operation}",
            lambda params, model, **_: asked.append(
                (model.name, params["headers"].get("x-amz-server-side-encryption-customer-key"))
            ),
        )
    taken(store)
    uploaded(store, "plugins/resilience/large")
    assert store.read("plugins/resilience/large") == LARGE
    assert verify(opened(store, "one")).intact
    store.delete("plugins/resilience/large")
    assert {name for name, _ in asked} == {
        "PutObject", "CreateMultipartUpload", "UploadPart", "GetObject", "HeadObject",
    }  # fmt: skip
    assert {key for _, key in asked} == {base64.b64encode(KEY).decode()}


def test_the_stores_refusal_of_such_keys_says_what_to_allow() -> None:
    answer = {"Error": {"Code": "AccessDenied", "Message": "Access Denied"},
              "ResponseMetadata": {"HTTPStatusCode": 403}}  # fmt: skip
    told = _translated("s3://held/one?sse_c=key", "x", answer)
    assert "new buckets refuse SSE-C until their encryption settings allow it" in str(told)
    assert "SSE-C" not in str(_translated("s3://held/one", "x", answer))


def test_restic_is_refused_where_a_key_of_ones_own_would_be_left_out(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(KEY)
    store = open_store(f"s3://held/one?sse_c={tmp_path}/key")
    with pytest.raises(BadRequest, match=r"restic cannot send a key of your own \(sse_c\)"):
        restic_program.place(store)


def test_a_bucket_that_locks_takes_snapshots_without_the_checksums_of_newer_clients(
    at: Callable[..., S3Store],
) -> None:
    store = at("&checksums=when_required", lock=True)
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}
    store.client.put_object_lock_configuration(
        Bucket=store.settings.bucket,
        ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule},
    )
    taken(store)
    uploaded(store, "plugins/resilience/large")
    assert verify(opened(store, "one")).intact


def test_a_write_without_a_checksum_is_no_lock() -> None:
    answer = {
        "Error": {
            "Code": "InvalidRequest",
            "Message": "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object "
            "requests with Object Lock parameters",
        },
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    told = _translated("s3://held/one", "x", answer)
    assert type(told) is StoreRefused
    assert "requires a checksum for each write" in str(told)


def test_a_file_that_holds_no_key_is_named_and_nothing_is_sent(
    at: Callable[..., S3Store], tmp_path: Path
) -> None:
    short = tmp_path / "short"
    short.write_bytes(b"hunter2")
    with pytest.raises(BadRequest, match=r"short holds 7 bytes; expected 32") as refused:
        open_store(f"s3://bucket/one?sse_c={short}").put("x", b"1")
    assert "hunter2" not in str(refused.value)
    with pytest.raises(BadRequest, match=r"none cannot be read: No such file"):
        open_store(f"s3://bucket/one?sse_c={tmp_path}/none").put("x", b"1")


def test_a_key_of_ones_own_never_travels_in_the_clear(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(KEY)
    store = open_store(f"s3://bucket/one?sse_c={file}&endpoint=http://store.example")
    with pytest.raises(BadRequest, match=r"send its key to http://store\.example in the clear"):
        store.put("x", b"1")


def test_two_kinds_of_keys_contradict_each_other() -> None:
    with pytest.raises(BadRequest, match="sse_c is a key of your own and sse a key of the store's"):
        open_store("s3://bucket/one?sse_c=key&sse=AES256")


def test_a_bucket_that_locks_by_default_holds_a_snapshot_without_a_lock_of_its_own(
    at: Callable[..., S3Store],
) -> None:
    store = at(lock=True)
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 3}}
    store.client.put_object_lock_configuration(
        Bucket=store.settings.bucket,
        ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule},
    )
    before = datetime.now(UTC) + timedelta(days=3)
    taken(store)
    after = datetime.now(UTC) + timedelta(days=3)
    days = f"{before:%Y-%m-%d}|{after:%Y-%m-%d}"
    for key in ("backups/one/one.tar.gz", "backups/one/velero-backup.json"):
        with pytest.raises(Retained, match=rf"{key} is locked until ({days})"):
            store.delete(key)
    assert verify(opened(store, "one")).intact


def test_the_name_of_the_bucket_goes_into_the_host_where_the_url_asks_for_it(
    endpoint: str,
) -> None:
    port = endpoint.rpartition(":")[2]
    store = open_store(f"s3://held/one?endpoint=http://localhost:{port}&addressing=virtual")
    assert isinstance(store, S3Store)
    assert store.client.generate_presigned_url(
        "get_object", Params={"Bucket": "held", "Key": "x"}
    ).startswith(f"http://held.localhost:{port}/x")


@pytest.fixture
def role(endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The AWS chain's environment with nothing but STS at `endpoint`."""
    for name in KEYS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", endpoint)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return tmp_path


ROLE = "arn:aws:iam::123456789012:role/backups"


def test_a_web_identity_becomes_a_role(
    at: Callable[..., S3Store], role: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = role / "token"
    token.write_text("a.service.account")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    store = at()
    taken(store)
    assert verify(opened(store, "one")).intact
    assert store.credentials().token


def test_a_profile_becomes_a_role(at: Callable[..., S3Store], role: Path) -> None:
    (role / "config").write_text(
        f"[profile backups]\nrole_arn = {ROLE}\nsource_profile = base\nregion = us-east-1\n"
    )
    (role / "credentials").write_text("[base]\naws_access_key_id = a\naws_secret_access_key = b\n")
    store = at("&profile=backups")
    taken(store)
    assert verify(opened(store, "one")).intact
    assert store.credentials().token


def test_no_credentials_are_told_with_the_ways_to_give_them(endpoint: str, role: Path) -> None:
    store = open_store(f"s3://held/one?endpoint={endpoint}")
    with pytest.raises(StoreRefused, match="no credentials found; set AWS_ACCESS_KEY_ID"):
        store.put("x", b"1")
