"""What S3's answers mean: its error codes as errors of this package, and what an answer must hold.

Between this program and a bucket stand gateways, proxies and login pages. They answer 200 with a
page of their own, ignore `Range` and `If-Match`, leave out a length, or list a part and call it the
whole. What S3's API always gives is required here (docs.aws.amazon.com, GetObject, ListObjectsV2),
so that no other answer becomes a short file, a file of two contents or an empty list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from resilience.backup.format.errors import (
    Archived,
    BadRequest,
    Exists,
    Missing,
    Retained,
    StoreError,
    StoreFull,
    StoreRefused,
    StoreUnreachable,
    Withheld,
)
from resilience.backup.store.answers.whole_lists import PROXY, replaced

_REFUSED = {
    "NoSuchBucket": "the bucket does not exist; create it first",
    "InvalidBucketName": "that is not a valid bucket name",
    "AccessDenied": "access denied",
    "AllAccessDisabled": "access to the bucket is disabled",
    "InvalidAccessKeyId": "the access key is not known to the store",
    "SignatureDoesNotMatch": "the secret key is wrong",
    "ExpiredToken": "the credentials have expired; renew them",
    "ExpiredTokenException": "the credentials have expired; renew them",
    "InvalidToken": "the session token is not valid; renew the credentials",
    "RequestTimeTooSkewed": "this machine's clock differs too much from the store's; correct it",
    "PermanentRedirect": "the bucket is in another region; set region=",
    "IllegalLocationConstraintException": "the bucket is in another region; set region=",
    "AuthorizationHeaderMalformed": "the bucket is in another region; set region=",
}
_CHECKSUM = re.compile(r"checksum|sha256mismatch|x-amz-trailer|MissingContentLength", re.IGNORECASE)
"""Words of stores that do not know the checksums which newer clients add, or their form as a
trailer after the body."""
WITHOUT = "checksums=when_required"
_FULL = {"QuotaExceeded", "XMinioStorageFull", "InsufficientStorage"}
_TOO_LARGE = {"EntityTooLarge", "RequestEntityTooLarge", "MaxMessageLengthExceeded"}
CONTENDED = frozenset({"ConditionalRequestConflict", "OperationAborted"})
"""Codes of a write that another one to the same key prevented: whether the key exists is open."""

_MISSING = {"NoSuchKey", "NoSuchVersion", "404"}


@contextmanager
def explained(url: str, key: str) -> Iterator[None]:
    """Translate botocore's exceptions."""
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        NoCredentialsError,
        PartialCredentialsError,
        ProfileNotFound,
    )
    from botocore.parsers import ResponseParserError

    try:
        yield
    except ClientError as problem:
        raise _translated(url, key, problem.response, problem.operation_name) from problem
    except (NoCredentialsError, PartialCredentialsError) as problem:
        raise StoreRefused(
            f"{url}: no credentials found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a "
            "profile"
        ) from problem
    except ProfileNotFound as problem:
        raise StoreRefused(f"{url}: {problem}") from problem
    except BotoCoreError as problem:
        raise StoreUnreachable(f"{url}: {_at(key)}{problem}") from problem
    except RecursionError as problem:  # botocore asks for the region, which is redirected as well
        raise StoreRefused(f"{url}: {_at(key)}the store redirects every request; does a login page "
                           "stand before it?") from problem  # fmt: skip
    except (ResponseParserError, ValueError) as problem:  # ValueError: a date that is none
        raise StoreUnreachable(
            f"{url}: {_at(key)}the answer is not one of S3's ({problem}); {PROXY}"
        ) from problem


@contextmanager
def addressed(url: str) -> Iterator[None]:
    """For making a client: botocore raises ValueError for an endpoint that is not a URL."""
    try:
        yield
    except ValueError as problem:
        raise BadRequest(f"{url}: {problem}") from problem


def _translated(url: str, key: str, answer: dict[str, Any], operation: str = "") -> StoreError:
    error = answer.get("Error", {})
    code = str(error.get("Code", ""))
    if operation == "GetObject" and _is_of_one(code, str(error.get("Message", ""))):
        return Withheld(f"{url}: {_at(key)}the store does not give it out ({_said(error)})")
    status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    words = str(error.get("Message", "")).strip()
    if code == "PreconditionFailed" or status == 412:
        return Exists(f"{url}: {key} exists already")
    if code in CONTENDED:
        return StoreUnreachable(
            f"{url}: {_at(key)}another write to it was in progress each time ({words or code}); "
            "try again later"
        )
    if code == "NoSuchUpload":
        return Missing(
            f"{url}: the unfinished upload of {key} is gone: a rule of the bucket, or someone who "
            "removes unfinished uploads, was faster; nothing of it is visible, do it again"
        )
    if code in _MISSING:
        return Missing(f"{url}: {key} does not exist")
    if code in _FULL or status == 507:
        return StoreFull(f"{url}: no space left while writing {key}; nothing of it is visible")
    if code in _TOO_LARGE or status == 413:
        return StoreRefused(
            f"{url}: {_at(key)}the store, or a proxy before it, accepts no request of this size "
            f"({words or code}); allow 64 MiB (nginx: client_max_body_size)"
        )
    if "Content-MD5" in words:
        return StoreRefused(f"{url}: {_at(key)}a bucket with Object Lock requires a checksum for "
                            f"each write ({words})")  # fmt: skip
    if "retention" in words.lower() or "object lock" in words.lower() or "WORM" in words:
        return Retained(f"{url}: {key}: {words}")
    if code == "InvalidObjectState":
        return Archived(
            f"{url}: {_at(key)}the object is archived ({words or code}); restore it in the store"
            " first"
        )
    if status in (400, 411, 501) and _CHECKSUM.search(f"{code} {words}"):
        advice = "" if WITHOUT in url else f"; add {WITHOUT} to the store's URL"
        return StoreRefused(
            f"{url}: {_at(key)}the store rejects the checksum ({words or code}){advice}"
        )
    if code in _REFUSED:
        said = _said(error)
        if code == "AccessDenied" and "sse_c=" in url:
            said = f"{said}; new buckets refuse SSE-C until their encryption settings allow it"
        return StoreRefused(f"{url}: {_at(key)}{_REFUSED[code]} ({said})")
    if status in (301, 307) or (status == 400 and code == "400"):
        return StoreRefused(f"{url}: the bucket is in another region or needs another endpoint")
    if status in (401, 403):
        return StoreRefused(f"{url}: {_at(key)}access denied ({words or code})")
    if (status >= 500 and status != 501) or code in (
        "SlowDown",
        "RequestTimeout",
        "ServiceUnavailable",
    ):
        return StoreUnreachable(f"{url}: {_at(key)}the store answers {status} {code}: {words}")
    return StoreRefused(f"{url}: {_at(key)}{words or code or status}")


def _is_of_one(code: str, words: str) -> bool:
    """Whether an answer to a reading is about the one object: its owner is another account, or the
    key that encrypts it is disabled, deleted or not the one that was sent. S3 has no other code for
    a credential that may read none; then each object says so."""
    encrypted = "Server Side Encryption" in words or "server-side encryption" in words.lower()
    return code == "AccessDenied" or code.startswith("KMS.") or (encrypted and code != "")


def _said(error: dict[str, Any]) -> str:
    code, words = str(error.get("Code", "")), str(error.get("Message", "")).strip()
    return f"{code}: {words}" if words and words != code else code


def _at(key: str) -> str:
    return f"{key}: " if key else ""


_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")
_CONTENT = (200, 206)


class Reading:
    """One object, read in as many requests as it takes. `at` is the number of bytes that were
    passed on, `size` -1 as long as it is unknown."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._etag = ""
        self._begun = False
        self._start = self.at = 0
        self.size = -1
        self._ended = False

    @property
    def complete(self) -> bool:
        """Whether all bytes were passed on."""
        return self.at >= self.size if self.size >= 0 else self._ended

    def conditions(self) -> dict[str, Any]:
        """Arguments of the next request: the rest of the same object."""
        same = {"IfMatch": self._etag} if self._etag else {}
        return same | ({"Range": f"bytes={self.at}-"} if self.at else {})

    def begin(self, answer: dict[str, Any]) -> None:
        """Check the head of an answer."""
        status = answer["ResponseMetadata"]["HTTPStatusCode"]
        if status not in _CONTENT:
            raise StoreUnreachable(f"{self._what}: the store answers {status} instead of content")
        start, size = _extent(answer)
        if size < 0 and not _is_chunked(answer):
            raise StoreUnreachable(
                f"{self._what}: the answer has no length, so a short file would pass for the whole;"
                " a proxy before the store removes it"
            )
        etag = answer.get("ETag") or ""
        if self._begun and (size, etag) != (self.size, self._etag):
            raise replaced(self._what)
        if start > self.at:
            raise StoreUnreachable(
                f"{self._what}: the store answers from byte {start}; expected {self.at}"
            )
        self._begun, self._start, self.size, self._etag = True, start, size, etag

    def fresh(self, piece: bytes) -> bytes:
        """What of the next piece was not passed on yet: a store that ignores `Range` begins
        again."""
        known = min(max(self.at - self._start, 0), len(piece))
        self._start += len(piece)
        self.at += len(piece) - known
        return piece[known:]

    def end(self) -> None:
        """The answer's body ended as its framing says."""
        self._ended = True


def interruptions() -> tuple[type[Exception], ...]:
    """What botocore raises when a body breaks off."""
    from botocore.exceptions import (
        ConnectionClosedError,
        IncompleteReadError,
        ReadTimeoutError,
        ResponseStreamingError,
    )

    return ConnectionClosedError, IncompleteReadError, ReadTimeoutError, ResponseStreamingError


def given(answer: dict[str, Any], *names: str, what: str) -> dict[str, Any]:
    """These fields, which each such answer of S3 has."""
    if missing := [name for name in names if name not in answer]:
        raise StoreUnreachable(
            f"{what}: the answer has no {missing[0]}, so it is not one of S3's; {PROXY}"
        )
    return {name: answer[name] for name in names}


def _extent(answer: dict[str, Any]) -> tuple[int, int]:
    """The first byte of the answer's body, and the size of the whole object, -1 if unknown."""
    if found := _CONTENT_RANGE.fullmatch(answer.get("ContentRange") or ""):
        return int(found[1]), int(found[2])
    return 0, answer.get("ContentLength", -1)


def _is_chunked(answer: dict[str, Any]) -> bool:
    headers = answer["ResponseMetadata"].get("HTTPHeaders") or {}
    return "chunked" in headers.get("transfer-encoding", "")


def listed(page: dict[str, Any], what: str, prefix: str, url: str) -> Iterator[Any]:
    """The items of one page, `Contents` or `CommonPrefixes`."""
    if "IsTruncated" not in page:
        raise StoreUnreachable(
            f"{url}: the answer is not a list of objects; expected ListObjectsV2's; {PROXY}"
        )
    if page["IsTruncated"] and not page.get("NextContinuationToken"):
        raise StoreUnreachable(
            f"{url}: the list continues, but the store does not say where (it may know only "
            "ListObjects of version 1): snapshots would be missing from it"
        )
    for item in page.get(what) or ():
        if not _is_item(item, what, prefix):
            raise StoreUnreachable(f"{url}: {item} is no entry of a list below {prefix!r}")
        yield item


def _is_item(item: dict[str, Any], what: str, prefix: str) -> bool:
    if what == "CommonPrefixes":
        return str(item.get("Prefix")).startswith(prefix)
    return (
        str(item.get("Key")).startswith(prefix)
        and isinstance(item.get("Size"), int)
        and isinstance(item.get("LastModified"), datetime)
    )
