"""S3 and what speaks its protocol, by boto3.

Create-only is `If-None-Match: *` on PutObject and CompleteMultipartUpload; boto3's own
`upload_fileobj` cannot send it, so the multipart upload is implemented here. A write whose answer
was lost is recognized by an id in the object's metadata: the client's retry then meets its own
object, which is a success and not a conflict. A read that breaks off continues where it stopped,
with the same ETag.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any
from uuid import uuid4

from resilience.backup.format.errors import Exists, Missing, Retained, StoreUnreachable
from resilience.backup.store.answers.patience import paced
from resilience.backup.store.answers.undeletable import undeletable
from resilience.backup.store.answers.whole_lists import collected, replaced
from resilience.backup.store.base import CHUNK, Entry, Stored
from resilience.backup.store.s3_client import S3Settings, connected
from resilience.backup.store.s3_customer_key import customer_key
from resilience.backup.store.s3_errors import (
    Reading,
    addressed,
    explained,
    given,
    interruptions,
    listed,
)
from resilience.backup.store.s3_upload import MultipartUpload, content

_CONTINUE = 5
"""How often one read is continued after it was cut."""

OWNER = "resilience-write"
"""Metadata key of the id that tells our own object from someone else's."""


class S3Store:
    """A bucket, or a prefix in one."""

    def __init__(self, settings: S3Settings, *, url: str) -> None:
        self.settings = settings
        self.url = url
        self.overwrites_accepted = settings.overwrites_accepted
        self._prefix = f"{settings.prefix}/" if settings.prefix else ""

    @cached_property
    def _session(self) -> Any:
        import boto3

        with explained(self.url, ""):
            return boto3.session.Session(profile_name=self.settings.profile)

    def credentials(self) -> Any:
        """The current credentials (access_key, secret_key, token), for another program that runs at
        the same time."""
        from botocore.exceptions import NoCredentialsError

        with explained(self.url, ""):
            found = self._session.get_credentials()
            if found is None:
                raise NoCredentialsError
            return found.get_frozen_credentials()

    @cached_property
    def customer_key(self) -> dict[str, Any]:
        """SSE-C: the key, which every request for an object's content carries; {} without one."""
        return customer_key(self.url, self.settings.customer_key, self.settings.endpoint)

    @cached_property
    def client(self) -> Any:
        """The boto3 client; made on first use, because the import alone takes 0.3 s."""
        with explained(self.url, ""), addressed(self.url):
            return connected(self._session, self.settings, self.url)

    def put(self, key: str, data: bytes, *, retain_until: datetime | None = None) -> Stored:
        write = uuid4().hex
        arguments = self._arguments(key, write, retain_until)
        self.refuse_existing(key)
        answer = self.settle(
            key,
            write,
            lambda: self.client.put_object(
                **arguments, **content(self.settings.checksums, data), IfNoneMatch="*"
            ),
        )
        return Stored(key=key, size=len(data), version=_version(answer))

    def upload(
        self, key: str, *, retain_until: datetime | None = None, size_hint: int = 0
    ) -> MultipartUpload:
        write = uuid4().hex
        return MultipartUpload(
            self, key, self._arguments(key, write, retain_until), write=write, size_hint=size_hint
        )

    def read(self, key: str, version: str = "") -> bytes:
        return b"".join(self.stream(key, version))

    def stream(self, key: str, version: str = "") -> Iterator[bytes]:
        what = f"{self.url}: reading {key}"
        return paced(self._stream(key, version), self.settings.patience, what)

    def _stream(self, key: str, version: str) -> Iterator[bytes]:
        arguments = self._content(key) | ({"VersionId": version} if version else {})
        reading = Reading(f"{self.url}: {key}")
        for _ in range(_CONTINUE):
            try:
                with explained(self.url, key):
                    answer = self.client.get_object(**arguments, **reading.conditions())
            except Exists:  # 412: it no longer matches the ETag of the first answer
                raise replaced(f"{self.url}: {key}") from None
            body = answer["Body"]
            try:
                reading.begin(answer)
                for piece in body.iter_chunks(CHUNK):
                    if new := reading.fresh(piece):
                        yield new
                reading.end()
            except interruptions():
                pass
            finally:
                body.close()
            if reading.complete:
                return
        of = f"of {reading.size} " if reading.size >= 0 else ""
        raise StoreUnreachable(f"{self.url}: reading {key} was cut {_CONTINUE} times, last at "
                               f"{reading.at} {of}bytes")  # fmt: skip

    def list(self, prefix: str = "") -> Iterator[Entry]:
        with explained(self.url, prefix):
            pages = self._pages("Contents", prefix=prefix)
            return iter(
                collected(([self._entry(item) for item in page] for page in pages), self.url)
            )

    def _entry(self, item: dict[str, Any]) -> Entry:
        modified = item["LastModified"].astimezone(UTC)
        return Entry(key=self.key_of(item["Key"]), size=item["Size"], modified=modified)

    def full_key(self, key: str) -> str:
        """The full key in the bucket."""
        return self._prefix + key

    def key_of(self, full: str) -> str:
        """The other way."""
        return full.removeprefix(self._prefix)

    def directories(self) -> Iterable[str]:
        with explained(self.url, ""):
            pages = self._pages("CommonPrefixes", delimiter="/")
            return sorted(self.key_of(each["Prefix"]).strip("/") for page in pages for each in page)

    def delete(self, key: str) -> None:
        try:
            head = self.head(key)
        except Missing:
            return
        until = head.get("ObjectLockRetainUntilDate")
        if until and until > _now(head):
            raise Retained(f"{self.url}: {key} is locked until {until:%Y-%m-%d %H:%M} UTC")
        if head.get("ObjectLockLegalHoldStatus") == "ON":
            raise Retained(f"{self.url}: {key} is under a legal hold")
        with undeletable(), explained(self.url, key):
            self.client.delete_object(**self._where(key))

    def sweep(self, older_than: datetime) -> int:
        swept = 0
        with explained(self.url, ""):
            pages = self.client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self.settings.bucket, Prefix=self._prefix
            )
            for upload in (each for page in pages for each in page.get("Uploads", ())):
                known = given(upload, "Key", "UploadId", "Initiated", what=self.url)
                if known.pop("Initiated") < older_than:
                    self.client.abort_multipart_upload(Bucket=self.settings.bucket, **known)
                    swept += 1
        return swept

    def head(self, key: str) -> dict[str, Any]:
        """HeadObject's answer."""
        with explained(self.url, key):
            answer: dict[str, Any] = self.client.head_object(**self._content(key))
            return answer

    def refuse_existing(self, key: str) -> None:
        """Where the store ignores create-only writes and the user knows: look before writing."""
        if not self.overwrites_accepted:
            return
        try:
            self.head(key)
        except Missing:
            return
        raise Exists(f"{key} exists already in {self.url}")

    def settle(self, key: str, write: str, act: Callable[[], Any]) -> Any:
        """Carry out a create-only write; one that meets its own object has succeeded before.

        A repeated CompleteMultipartUpload gets `Missing` (NoSuchUpload).
        """
        try:
            with explained(self.url, key):
                return act()
        except (Exists, Missing):
            try:
                head = self.head(key)
            except Missing:
                head = {}
            if _owner(head) == write:
                return head
            raise

    def ensure_locked(self, key: str, until: datetime | None) -> None:
        """Some stores forget the lock that a multipart upload was begun with: look, and set it."""
        if not until or self.head(key).get("ObjectLockRetainUntilDate"):
            return
        with explained(self.url, key):
            self.client.put_object_retention(
                **self._where(key), Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until}
            )

    def _where(self, key: str) -> dict[str, Any]:
        return {"Bucket": self.settings.bucket, "Key": self._prefix + key}

    def _content(self, key: str) -> dict[str, Any]:
        return self._where(key) | self.customer_key

    def _arguments(self, key: str, write: str, retain_until: datetime | None) -> dict[str, Any]:
        lock = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": retain_until}
        secret = {
            "ServerSideEncryption": self.settings.sse,
            "SSEKMSKeyId": self.settings.kms_key,
        }
        return (
            self._content(key)
            | {"Metadata": {OWNER: write}}
            | {name: value for name, value in secret.items() if value}
            | (lock if retain_until else {})
        )

    def _pages(
        self, what: str, *, prefix: str = "", delimiter: str = ""
    ) -> Iterator[tuple[Any, ...]]:
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.settings.bucket, Prefix=self._prefix + prefix, Delimiter=delimiter
        )
        for page in pages:
            yield tuple(listed(page, what, self._prefix + prefix, self.url))


def _now(answer: dict[str, Any]) -> datetime:
    """By the clock of the store, which a lock counts by: if this machine's is ahead, a delete would
    put a delete marker over a version that is still locked."""
    headers = answer["ResponseMetadata"].get("HTTPHeaders") or {}
    try:
        return parsedate_to_datetime(headers.get("date", "")).astimezone(UTC)
    except ValueError:
        return datetime.now(UTC)


def _version(answer: Any) -> str:
    version = answer.get("VersionId", "")
    return "" if version == "null" else version


def _owner(head: dict[str, Any]) -> str:
    # Some stores change the case of metadata keys (rclone sends them title-cased).
    lowered = {key.lower(): value for key, value in head.get("Metadata", {}).items()}
    return str(lowered.get(OWNER, ""))
