"""Snapshots behind delete markers are found, also in a store that cuts its list of versions."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from resilience.backup.catalog.hidden_snapshots import hidden_snapshots, undelete
from resilience.backup.format.errors import StoreUnreachable
from resilience.backup.store.s3 import S3Store
from resilience.backup.store.s3_versions import hidden
from tests.backup.store.trial import s3
from tests.loopback import Answering, serving

pytestmark = pytest.mark.usefixtures("keys")

PREFIX = "clusters/one/"


def entry(kind: str, key: str, version: str, day: int) -> bytes:
    latest = "true" if kind == "DeleteMarker" else "false"
    moment = f"2026-01-0{day}T00:00:00Z"
    text = f"<Key>{PREFIX}{key}</Key><VersionId>{version}</VersionId><IsLatest>{latest}</IsLatest>"
    return f"<{kind}>{text}<LastModified>{moment}</LastModified></{kind}>".encode()


def cutting(entries: list[tuple[str, str, str, int]], most: int) -> type[Answering]:
    """Shows `most` entries at once and never says that there are more (rustfs#7362)."""
    places = [(PREFIX + key, version) for _, key, version, _ in entries]

    class Cutting(Answering):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            key = query.get("key-marker", [""])[0]
            version = query.get("version-id-marker", [""])[0]
            at = places.index((key, version)) + 1 if key else 0
            shown = b"".join(entry(*each) for each in entries[at : at + most])
            more = b"<IsTruncated>false</IsTruncated>"
            self.answer(200, b"<ListVersionsResult>" + more + shown + b"</ListVersionsResult>")

    return Cutting


def found(handler: type[Answering]) -> list[str]:
    with serving(handler) as url:
        store = s3(url, "b", attempts=1, region="us-east-1")
        try:
            return [each.key for each in hidden(store, "")]
        finally:
            store.client.close()


@pytest.mark.parametrize("most", [1, 2, 3, 5, 100])
def test_a_list_of_versions_that_is_cut_without_a_word_is_continued(most: int) -> None:
    keys = [f"backups/{name}/velero-backup.json" for name in "abc"]
    entries = [
        each for key in keys for each in (("DeleteMarker", key, "m", 2), ("Version", key, "v", 1))
    ]
    assert found(cutting(entries, most)) == keys


def test_a_store_that_ignores_where_to_continue_ends() -> None:
    class Same(Answering):
        def do_GET(self) -> None:
            both = entry("DeleteMarker", "k", "m", 2) + entry("Version", "k", "v", 1)
            more = b"<IsTruncated>false</IsTruncated>"
            self.answer(200, b"<ListVersionsResult>" + more + both + b"</ListVersionsResult>")

    assert found(Same) == ["k"]


def test_a_login_page_is_no_list_of_versions() -> None:
    class Page(Answering):
        def do_GET(self) -> None:
            self.answer(200, b"<html></html>")

    with pytest.raises(StoreUnreachable, match=r"is not a list of versions.*login page"):
        found(Page)


def test_what_a_marker_hides_is_found_and_comes_back(bucket: S3Store) -> None:
    versioning: dict[str, Any] = {"Status": "Enabled"}
    bucket.client.put_bucket_versioning(
        Bucket=bucket.settings.bucket, VersioningConfiguration=versioning
    )
    for name in "ab":
        bucket.put(f"backups/{name}/velero-backup.json", b"{}")
    bucket.delete("backups/a/velero-backup.json")
    assert [each.name for each in hidden_snapshots(bucket)] == ["a"]
    assert undelete(bucket, "a") == 1
    assert hidden_snapshots(bucket) == []
