"""A store that does not know the checksums of newer clients: the error names the setting."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from resilience.backup.format.errors import StoreRefused, StoreUnreachable
from resilience.backup.store.s3_errors import explained

URL = "s3://b/p?endpoint=https://s3.example"


def raised(status: int, code: str, words: str, url: str = URL) -> Exception:
    answer = {
        "Error": {"Code": code, "Message": words},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    with pytest.raises(Exception) as told, explained(url, "k"):  # noqa: PT011
        raise ClientError(answer, "PutObject")
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
