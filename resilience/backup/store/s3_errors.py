"""Maps S3's error codes to the errors of this package, with one clear line each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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
)
from resilience.backup.store.s3_answers import PROXY

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
    "XAmzContentChecksumMismatch": "the store rejects the checksum; try checksums=when_required",
    "XAmzContentSHA256Mismatch": "the store rejects the checksum; try checksums=when_required",
}
_FULL = {"QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "EntityTooLarge"}
_MISSING = {"NoSuchKey", "NoSuchVersion", "NoSuchUpload", "404"}


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
        raise _translated(url, key, problem.response) from problem
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


def _translated(url: str, key: str, answer: dict[str, Any]) -> StoreError:
    error = answer.get("Error", {})
    code = str(error.get("Code", ""))
    status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    words = str(error.get("Message", "")).strip()
    if code in ("PreconditionFailed", "ConditionalRequestConflict") or status == 412:
        return Exists(f"{url}: {key} exists already")
    if code in _MISSING:
        return Missing(f"{url}: {key} does not exist")
    if code in _FULL or status == 507:
        return StoreFull(f"{url}: no space left while writing {key}; nothing of it is visible")
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
    if code in _REFUSED:
        said = f"{code}: {words}" if words and words != code else code
        if code == "AccessDenied" and "sse_c=" in url:
            said = f"{said}; new buckets refuse SSE-C until their encryption settings allow it"
        return StoreRefused(f"{url}: {_at(key)}{_REFUSED[code]} ({said})")
    if status in (301, 307) or (status == 400 and code == "400"):
        return StoreRefused(f"{url}: the bucket is in another region or needs another endpoint")
    if status in (401, 403):
        return StoreRefused(f"{url}: {_at(key)}access denied ({words or code})")
    if status >= 500 or code in ("SlowDown", "RequestTimeout", "ServiceUnavailable"):
        return StoreUnreachable(f"{url}: {_at(key)}the store answers {status} {code}: {words}")
    return StoreRefused(f"{url}: {_at(key)}{words or code or status}")


def _at(key: str) -> str:
    return f"{key}: " if key else ""
