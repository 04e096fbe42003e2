"""Sizes of the parts of an upload whose length nobody knows."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.backup.format.errors import StoreFull
from resilience.backup.store import s3_upload
from resilience.backup.store.s3 import S3Store
from resilience.backup.store.s3_client import S3Settings

PART, MOST = 1 << 10, 20


class Sizes:
    """An S3 client that keeps the sizes of parts and forgets their bytes."""

    def __init__(self) -> None:
        self.parts: list[int] = []
        self.given_up = False

    def create_multipart_upload(self, **given: Any) -> dict[str, str]:
        return {"Bucket": given["Bucket"], "Key": given["Key"], "UploadId": "1"}

    def upload_part(self, *, Body: bytes, PartNumber: int, **given: Any) -> dict[str, str]:
        assert len(self.parts) == PartNumber - 1
        self.parts.append(len(Body))
        return {"ETag": str(PartNumber)}

    def complete_multipart_upload(self, **given: Any) -> dict[str, str]:
        return {}

    def abort_multipart_upload(self, **given: Any) -> None:
        self.given_up = True


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Sizes:
    monkeypatch.setattr(s3_upload, "_PART", PART)
    monkeypatch.setattr(s3_upload, "_MOST_PARTS", MOST)
    return Sizes()


def sent(client: Sizes, size: int, *, size_hint: int = 0) -> None:
    store = S3Store(S3Settings(bucket="held"), url="s3://held")
    store.__dict__["client"] = client
    with store.upload("volume.tar", size_hint=size_hint) as upload:
        for at in range(0, size, 777):
            upload.write(bytes(min(777, size - at)))
        assert upload.commit().size == size


def test_parts_are_equal_as_long_as_an_end_may_be_near(client: Sizes) -> None:
    sent(client, 9 * PART + 5)
    assert client.parts == [PART] * 9 + [5]


def test_a_stream_without_an_end_in_sight_gets_larger_parts(client: Sizes) -> None:
    sent(client, MOST * PART * 3)
    assert client.parts[: MOST // 2] == [PART] * (MOST // 2)
    assert sum(client.parts) == MOST * PART * 3
    assert len(client.parts) <= MOST
    assert set(client.parts[MOST // 2 : -1]) == {8 * PART}


def test_what_its_claim_can_hold_fits_with_equal_parts(client: Sizes) -> None:
    size = MOST * PART * 50
    sent(client, size, size_hint=size)
    assert len(client.parts) <= MOST * 9 // 10
    assert len(set(client.parts[:-1])) == 1
    assert sum(client.parts) == size


def test_a_stream_that_is_larger_than_its_claim_fits_too(client: Sizes) -> None:
    """Headers of many small files take more room than the files."""
    size = MOST * PART * 50
    sent(client, 2 * size, size_hint=size)
    assert len(client.parts) <= MOST
    assert sum(client.parts) == 2 * size


def test_what_is_larger_than_s3_takes_is_told_before_the_store_refuses_it(client: Sizes) -> None:
    with pytest.raises(StoreFull, match=r"volume\.tar is larger than 20 parts, the most that S3"):
        sent(client, MOST * PART * 10)
    assert client.given_up
    assert len(client.parts) == MOST
