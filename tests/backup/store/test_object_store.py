"""Google Cloud Storage and Azure Blob Storage, by obstore's own store in memory."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from resilience.backup.format.errors import (
    Archived,
    BadRequest,
    Missing,
    Retained,
    StoreError,
    StoreRefused,
    StoreUnreachable,
    Undeletable,
    Withheld,
)
from resilience.backup.store import open_store
from resilience.backup.store.cloud.object_store import ObjectStore
from tests.backup.store.trial import LARGE, in_memory, uploaded

obstore = pytest.importorskip("obstore", reason="the extras gcs and azure are not installed")


def test_a_missing_key_is_named() -> None:
    with pytest.raises(Missing, match="backups/a/none does not exist"):
        in_memory().read("backups/a/none")


def test_a_lock_of_single_objects_is_refused_before_anything_is_written() -> None:
    store = in_memory()
    with pytest.raises(BadRequest, match="cannot lock single objects; set a retention policy"):
        store.put("x", b"1", retain_until=datetime.now(UTC))
    with pytest.raises(BadRequest, match="cannot lock single objects"):
        store.upload("x", retain_until=datetime.now(UTC))
    assert list(store.list()) == []


def test_what_a_killed_upload_leaves_is_invisible_until_it_is_swept() -> None:
    store = in_memory()
    obstore.put(store.bucket, "one/.uploads/dead", b"part")
    assert list(store.list()) == []
    assert list(store.directories()) == []
    assert store.sweep(datetime.now(UTC) - timedelta(days=1)) == 0
    assert store.sweep(datetime.now(UTC) + timedelta(days=1)) == 1
    assert [page for page in obstore.list(store.bucket) if page] == []


def test_a_write_whose_answer_was_lost_is_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    store, whole = in_memory(), obstore.put

    def retried(*given: Any, **named: Any) -> Any:
        whole(*given, **named)
        return whole(*given, **named)  # the client's retry after the first answer was lost

    monkeypatch.setattr(obstore, "put", retried)
    store.put("backups/a/x", b"1")
    assert store.read("backups/a/x") == b"1"


def test_a_copy_whose_answer_was_lost_is_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    store, whole = in_memory(), obstore.copy

    def retried(*given: Any, **named: Any) -> Any:
        whole(*given, **named)
        return whole(*given, **named)

    monkeypatch.setattr(obstore, "copy", retried)
    uploaded(store, "backups/a/x", LARGE)
    assert store.read("backups/a/x") == LARGE


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("NotFoundError: NoSuchBucket: it is not here", StoreRefused),
        ("PermissionDeniedError: 403 by a policy", Withheld),
        ("UnauthenticatedError: 401", StoreRefused),
        ("GenericError: Account must be specified", StoreRefused),
        ("GenericError: 409 BlobArchived", Archived),
        ("GenericError: 409 BlobImmutableDueToPolicy", Retained),
        ("NotFoundError: no such object", Missing),
        ("GenericError: error sending request", StoreUnreachable),
    ],
)
def test_each_refusal_is_one_clear_line_without_a_signature(
    words: str, kind: type[StoreError], monkeypatch: pytest.MonkeyPatch
) -> None:
    name, _, text = words.partition(": ")
    raised = getattr(obstore.exceptions, name)(
        f"{text} https://a.blob/x?sig=SECRET\n\nDebug source:\nSECRET"
    )

    def refused(*given: Any, **named: Any) -> Any:
        raise raised

    store = in_memory()
    monkeypatch.setattr(obstore, "get", refused)
    with pytest.raises(kind, match=r"^gs://bucket/one: ") as told:
        store.read("backups/a/x")
    assert type(told.value) is kind
    assert "SECRET" not in str(told.value)
    assert "\n" not in str(told.value)


def test_credentials_that_may_not_delete_can_upload(monkeypatch: pytest.MonkeyPatch) -> None:
    store = in_memory()

    def refused(*given: Any, **named: Any) -> Any:
        raise obstore.exceptions.PermissionDeniedError("403 by a policy")

    monkeypatch.setattr(obstore, "delete", refused)
    uploaded(store, "backups/a/x", LARGE)
    assert store.read("backups/a/x") == LARGE
    with pytest.raises(Undeletable, match="backups/a/x: access denied"):
        store.delete("backups/a/x")


def test_the_urls_of_both_clouds_are_read() -> None:
    google = open_store("gs://bucket/a/b?endpoint=http://127.0.0.1:9")
    azure = open_store("az://container/a?account=held&endpoint=http://127.0.0.1:9")
    assert isinstance(google, ObjectStore)
    assert isinstance(azure, ObjectStore)
    assert type(google.bucket).__name__ == "GCSStore"
    assert type(azure.bucket).__name__ == "AzureStore"
    assert google.full_key("x") == "a/b/x"


def test_a_mistake_in_a_url_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadRequest, match="unknown option 'sse'; known: account, endpoint"):
        open_store("az://container/a?sse=AES256")
    for name in ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_ACCOUNT_NAME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(StoreRefused, match="no storage account is named; add account=NAME"):
        open_store("az://container/a").put("x", b"1")


def test_without_the_extra_its_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(BadRequest, match=r"install pytest-resilience\[gcs\]"):
        open_store("gs://bucket/a")
    with pytest.raises(BadRequest, match=r"install pytest-resilience\[azure\]"):
        open_store("az://container/a")


def test_a_copy_that_is_not_whole_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(bucket: Any, source: str, target: str, *, overwrite: bool) -> None:
        obstore.put(bucket, target, b"half", mode="overwrite" if overwrite else "create")

    monkeypatch.setattr(obstore, "copy", cut)
    store = in_memory()
    with pytest.raises(
        StoreUnreachable, match="has 4 bytes after it was copied; expected 20971520"
    ):
        uploaded(store, "backups/a/x", LARGE)
