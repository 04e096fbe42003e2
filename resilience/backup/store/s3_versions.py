"""What a bucket with versions still holds behind delete markers, and how it is made visible again.

A delete of a key whose version is locked succeeds: S3 puts a delete marker over it and keeps the
version. So someone's `delete`, `velero backup delete` or a lifecycle rule hides a locked snapshot
from every listing, although all of its bytes exist. Needs the permission to list versions; without
it no hidden snapshot is found.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from resilience.backup.format.errors import StoreRefused, StoreUnreachable
from resilience.backup.store.answers.whole_lists import PROXY
from resilience.backup.store.base import Store
from resilience.backup.store.s3 import S3Store
from resilience.backup.store.s3_errors import explained


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """One key behind a delete marker. `marker` and `version` are VersionIds."""

    key: str
    since: datetime
    marker: str
    version: str


def hidden(store: Store, prefix: str) -> Iterator[Hidden]:
    """Keys below `prefix` that a delete marker hides and that have a version; none of a store
    without versions."""
    if not isinstance(store, S3Store):
        return
    markers, versions = dict[str, Any](), dict[str, str]()
    try:
        with explained(store.url, prefix):
            for page in _pages(store, prefix):
                markers |= {e["Key"]: e for e in page.get("DeleteMarkers") or () if e["IsLatest"]}
                for each in page.get("Versions") or ():  # newest first
                    versions.setdefault(each["Key"], each["VersionId"])
    except StoreRefused:
        return
    for key in sorted(markers.keys() & versions.keys()):
        yield Hidden(
            key=store.key_of(key),
            since=markers[key]["LastModified"].astimezone(UTC),
            marker=markers[key]["VersionId"],
            version=versions[key],
        )


def _pages(store: S3Store, prefix: str) -> Iterator[dict[str, Any]]:
    """Some stores cut this list without saying so (rustfs#7362). So the last page is followed by a
    request for what comes after its last entry, until nothing does."""
    place: dict[str, str] = {}
    while True:
        page = store.client.list_object_versions(
            Bucket=store.settings.bucket, Prefix=store.full_key(prefix), **place
        )
        if "IsTruncated" not in page:
            raise StoreUnreachable(
                f"{store.url}: the answer is not a list of versions; expected that of "
                f"ListObjectVersions; {PROXY}"
            )
        yield page
        after = _end(page)
        if not after or after == place or after["KeyMarker"] < place.get("KeyMarker", ""):
            return
        place = after


def _end(page: dict[str, Any]) -> dict[str, str]:
    """The place of the last entry: the oldest one of the last key. {} for an empty page."""
    if page["IsTruncated"] and page.get("NextKeyMarker"):
        version = page.get("NextVersionIdMarker")
        return {"KeyMarker": page["NextKeyMarker"]} | (
            {"VersionIdMarker": version} if version else {}
        )
    entries = [*(page.get("Versions") or ()), *(page.get("DeleteMarkers") or ())]
    if not entries:
        return {}
    key = max(each["Key"] for each in entries)
    last = min((e for e in entries if e["Key"] == key), key=lambda e: e["LastModified"])
    return {"KeyMarker": key, "VersionIdMarker": last["VersionId"]}


def locked_until(store: Store, each: Hidden) -> datetime | None:
    """Until when a lock keeps the hidden version; None without a lock or without permission to
    read it."""
    if not isinstance(store, S3Store):
        return None
    try:
        with explained(store.url, each.key):
            head = store.client.head_object(
                Bucket=store.settings.bucket,
                Key=store.full_key(each.key),
                VersionId=each.version,
                **store.customer_key,
            )
    except StoreRefused:
        return None
    until: datetime | None = head.get("ObjectLockRetainUntilDate")
    return until


def uncover(store: Store, each: Hidden) -> None:
    """Remove the delete marker: the version under it is the current one again."""
    assert isinstance(store, S3Store)
    with explained(store.url, each.key):
        store.client.delete_object(
            Bucket=store.settings.bucket, Key=store.full_key(each.key), VersionId=each.marker
        )
