"""A store that does not know the checksums of newer clients: the error names the setting."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from resilience.backup.format.errors import (
    Exists,
    Missing,
    StoreRefused,
    StoreUnreachable,
    Undeletable,
    Withheld,
)
from resilience.backup.store.s3_errors import explained
from tests.backup.store.trial import s3
from tests.loopback import Answering, serving

URL = "s3://b/p?endpoint=https://s3.example"


def raised(
    status: int, code: str, words: str, url: str = URL, operation: str = "PutObject"
) -> Exception:
    answer = {
        "Error": {"Code": code, "Message": words},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    with pytest.raises(Exception) as told, explained(url, "k"):  # noqa: PT011
        raise ClientError(answer, operation)
    return told.value


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (400, "BadRequest", "trailing checksum is not supported"),
        (400, "InvalidArgument", "Unsupported header 'x-amz-checksum-crc32' for this API call."),
        (400, "InvalidRequest", "The value in the x-amz-trailer header is not supported"),
        (400, "XAmzContentSHA256Mismatch", "The provided header does not match"),
        (411, "MissingContentLength", "You must provide the Content-Length HTTP header."),
        (501, "NotImplemented", "checksum algorithms"),
    ],
)
def test_a_rejected_checksum_names_the_setting(status: int, code: str, words: str) -> None:
    problem = raised(status, code, words)
    assert isinstance(problem, StoreRefused)
    assert str(problem) == (
        f"{URL}: k: the store rejects the checksum ({words}); add checksums=when_required to the "
        "store's URL"
    )
    again = str(raised(status, code, words, f"{URL}&checksums=when_required"))
    assert again.endswith(f"the store rejects the checksum ({words})")


@pytest.mark.parametrize(
    ("status", "code", "words", "kind"),
    [
        (403, "SignatureDoesNotMatch", "checksum", StoreRefused),
        (503, "SlowDown", "checksum", StoreUnreachable),
        (400, "InvalidArgument", "odd", StoreRefused),
        (501, "NotImplemented", "A header implies functionality", StoreRefused),
        (500, "InternalError", "odd", StoreUnreachable),
    ],
)
def test_other_answers_name_no_checksum(
    status: int, code: str, words: str, kind: type[Exception]
) -> None:
    problem = raised(status, code, words)
    assert isinstance(problem, kind)
    assert "when_required" not in str(problem)


@pytest.mark.parametrize(
    ("operation", "status", "code", "words", "withheld"),
    [
        ("GetObject", 403, "AccessDenied", "Access Denied", True),
        ("GetObject", 400, "KMS.DisabledException", "the key is disabled", True),
        ("GetObject", 400, "KMS.NotFoundException", "no such key", True),
        ("GetObject", 400, "InvalidRequest",
         "The object was stored using a form of Server Side Encryption. The correct parameters "
         "must be provided to retrieve the object.", True),
        ("GetObject", 400, "InvalidRequest", "odd", False),
        ("GetObject", 400, "ExpiredToken", "expired", False),
        ("GetObject", 403, "InvalidAccessKeyId", "unknown", False),
        ("GetObject", 403, "SignatureDoesNotMatch", "wrong", False),
        ("PutObject", 403, "AccessDenied", "Access Denied", False),
        ("ListObjectsV2", 403, "AccessDenied", "Access Denied", False),
        ("PutObject", 400, "KMS.DisabledException", "the key is disabled", False),
    ],
)  # fmt: skip
def test_a_refusal_that_is_about_one_object_says_nothing_about_others(
    operation: str, status: int, code: str, words: str, withheld: bool
) -> None:
    problem = raised(status, code, words, operation=operation)
    assert isinstance(problem, StoreRefused)
    assert isinstance(problem, Withheld) is withheld
    assert code in str(problem) or not withheld
    assert words in str(problem)


@pytest.mark.parametrize(
    ("status", "code"), [(413, "413"), (400, "EntityTooLarge"), (413, "RequestEntityTooLarge")]
)
def test_a_body_that_is_too_large_for_a_proxy_is_no_full_disk(status: int, code: str) -> None:
    problem = raised(status, code, "Request Entity Too Large", operation="UploadPart")
    assert isinstance(problem, StoreRefused)
    assert "accepts no request of this size (Request Entity Too Large)" in str(problem)


def test_an_upload_that_the_store_removed_meanwhile_is_not_called_a_missing_file() -> None:
    problem = raised(404, "NoSuchUpload", "The specified multipart upload does not exist.")
    assert isinstance(problem, Missing)
    assert "the unfinished upload of k is gone" in str(problem)


def contended(code: str, times: int, then: int = 200) -> tuple[type[Answering], list[str]]:
    """A store whose first writes meet another one to the same key."""
    asked = list[str]()

    class Contended(Answering):
        def do_PUT(self) -> None:
            self.sent_body()
            asked.append("PUT")
            if len(asked) > times:
                self.answer(then, headers={"ETag": '"a"'})
                return
            words = f"<Error><Code>{code}</Code><Message>try again</Message></Error>"
            self.answer(409, words.encode(), {"Content-Type": "application/xml"})

        def do_HEAD(self) -> None:
            self.answer(404)

    return Contended, asked


def written(handler: type[Answering], attempts: int = 4) -> None:
    with serving(handler) as endpoint:
        store = s3(endpoint, "bucket", attempts=attempts, region="us-east-1")
        try:
            store.put("k", b"data")
        finally:
            store.client.close()


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("code", ["ConditionalRequestConflict", "OperationAborted"])
def test_a_write_that_met_another_one_is_sent_again(code: str) -> None:
    handler, asked = contended(code, 2)
    written(handler)
    assert len(asked) == 3


@pytest.mark.usefixtures("keys")
def test_a_write_that_meets_another_one_each_time_does_not_say_that_the_key_exists() -> None:
    handler, asked = contended("ConditionalRequestConflict", 9)
    with pytest.raises(StoreUnreachable, match="k: another write to it was in progress"):
        written(handler, attempts=2)
    assert len(asked) == 2


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize(("code", "times", "then"), [("BucketNotEmpty", 9, 200),
                                                     ("OperationAborted", 1, 412)])  # fmt: skip
def test_other_conflicts_are_told_at_once(code: str, times: int, then: int) -> None:
    handler, asked = contended(code, times, then)
    with pytest.raises(StoreRefused if times > 1 else Exists):
        written(handler)
    assert len(asked) == (1 if times > 1 else 2)


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize(("status", "kind"), [(403, Undeletable), (500, StoreUnreachable)])
def test_a_deletion_that_the_credentials_do_not_allow_is_told_as_one(
    status: int, kind: type[Exception]
) -> None:
    class Kept(Answering):
        def do_HEAD(self) -> None:
            self.answer(200)

        def do_DELETE(self) -> None:
            self.answer(status)

    with serving(Kept) as endpoint:
        store = s3(endpoint, "bucket", attempts=1, region="us-east-1")
        try:
            with pytest.raises(kind):
                store.delete("k")
        finally:
            store.client.close()
