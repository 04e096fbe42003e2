"""One multipart upload: parts are sent in the background while the next one is being filled.

Data that fits in one part is a single PutObject. Memory is two parts. All parts except the last
have the same size (some stores insist), 8 MiB unless the caller knows that 10,000 of them cannot be
enough. When half of them are sent and no end is in sight, the others are larger: 40 GiB may grow to
360. If the caller gave a size, they become larger only after nine tenths.
"""

from __future__ import annotations

import base64
import hashlib
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from resilience.backup.format.errors import StoreError, StoreFull
from resilience.backup.store.base import Stored
from resilience.backup.store.s3_errors import explained, given

if TYPE_CHECKING:
    from resilience.backup.store.s3 import S3Store

_PART = 8 << 20
_MOST_PARTS = 10_000
"""S3's own limit (docs.aws.amazon.com, Multipart upload limits)."""

_LATER = 8
"""How much larger the second half of the parts is."""


def content(checksums: str, data: bytes) -> dict[str, Any]:
    """Arguments for a body. S3 accepts no part without a checksum in a bucket with Object Lock, and
    `when_required` leaves out the checksums that newer clients send."""
    if checksums != "when_required":
        return {"Body": data}
    digest = hashlib.md5(data, usedforsecurity=False).digest()
    return {"Body": data, "ContentMD5": base64.b64encode(digest).decode()}


class MultipartUpload:
    """See `Upload`."""

    def __init__(
        self, store: S3Store, key: str, arguments: dict[str, Any], *, write: str, size_hint: int
    ) -> None:
        self._store, self._key, self._write_id = store, key, write
        self._arguments = arguments
        self._part_size = max(_PART, size_hint * 5 // 4 // _MOST_PARTS)
        self._equal_parts = _MOST_PARTS * 9 // 10 if size_hint else _MOST_PARTS // 2
        self._buffer = bytearray()
        self._size = 0
        self._upload: dict[str, Any] = {}
        self._parts: list[dict[str, Any]] = []
        self._sending: Future[dict[str, Any]] | None = None
        self._sender = ThreadPoolExecutor(1, thread_name_prefix="resilience-upload")

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        self._size += len(data)
        while view:
            room = self._part_size - len(self._buffer)
            self._buffer += view[:room]
            view = view[room:]
            if len(self._buffer) == self._part_size:
                self._send()

    def commit(self) -> Stored:
        client = self._store.client
        self._store.refuse_existing(self._key)
        if not self._upload:
            body = bytes(self._buffer)
            answer = self._store.settle(
                self._key,
                self._write_id,
                lambda: client.put_object(
                    **self._arguments,
                    **content(self._store.settings.checksums, body),
                    IfNoneMatch="*",
                ),
            )
        else:
            if self._buffer:
                self._send()
            self._collect()
            parts = {"Parts": self._parts}
            answer = self._store.settle(
                self._key,
                self._write_id,
                lambda: client.complete_multipart_upload(
                    **self._upload, MultipartUpload=parts, IfNoneMatch="*"
                ),
            )
            self._store.ensure_locked(self._key, self._arguments.get("ObjectLockRetainUntilDate"))
        self._upload = {}
        version = answer.get("VersionId", "")
        return Stored(key=self._key, size=self._size, version="" if version == "null" else version)

    def _send(self) -> None:
        self._collect()
        if not self._upload:
            self._begin()
        body, number = bytes(self._buffer), len(self._parts) + 1
        if number > _MOST_PARTS:
            raise StoreFull(
                f"{self._store.url}: {self._key} is larger than {_MOST_PARTS:,} parts, the most "
                "that S3 takes; nothing of it is visible. Split the volume, or use engine: restic"
            )
        if number == self._equal_parts:
            self._part_size *= _LATER
        self._buffer = bytearray()
        self._sending = self._sender.submit(self._send_part, body, number)

    def _begin(self) -> None:
        with explained(self._store.url, self._key):
            answer = self._store.client.create_multipart_upload(**self._arguments)
        what = f"{self._store.url}: {self._key}"
        self._upload = given(answer, "Bucket", "Key", "UploadId", what=what)

    def _send_part(self, body: bytes, number: int) -> dict[str, Any]:
        with explained(self._store.url, self._key):
            answer = self._store.client.upload_part(
                **self._upload,
                **self._store.customer_key,
                **content(self._store.settings.checksums, body),
                PartNumber=number,
            )
        return {"PartNumber": number} | {
            name: value
            for name, value in answer.items()
            if name == "ETag" or (name.startswith("Checksum") and name != "ChecksumType")
        }

    def _collect(self) -> None:
        if self._sending:
            sending, self._sending = self._sending, None
            self._parts.append(sending.result())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._sender.shutdown(wait=True, cancel_futures=True)
        if not self._upload:
            return
        try:
            with explained(self._store.url, self._key):
                self._store.client.abort_multipart_upload(**self._upload)
        except StoreError:
            # Ignored, because the original error is being raised. The leftovers are invisible, and
            # `sweep` deletes them after a day.
            if kind is None:
                raise
