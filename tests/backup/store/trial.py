"""What the tests of stores share: a large object, an upload in pieces, stores to try."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from resilience.backup.store import Store, open_store
from resilience.backup.store.cloud.object_store import ObjectStore
from resilience.backup.store.s3 import S3Store
from resilience.backup.store.s3_client import S3Settings
from tests.loopback import Answering, serving

LARGE = random.Random(7).randbytes(20 << 20)


def uploaded(store: Store, key: str, data: bytes, piece: int = 700_001) -> None:
    with store.upload(key) as upload:
        for at in range(0, len(data), piece):
            upload.write(data[at : at + piece])
        assert upload.commit().size == len(data)


def s3(endpoint: str, bucket: str, **options: Any) -> S3Store:
    settings = S3Settings(bucket=bucket, prefix="clusters/one", endpoint=endpoint, **options)
    return S3Store(settings, url=f"s3://{bucket}/clusters/one")


def in_memory() -> ObjectStore:
    """obstore's own store in memory."""
    obstore = pytest.importorskip("obstore", reason="the extras gcs and azure are not installed")
    bucket = obstore.store.MemoryStore()
    return ObjectStore(lambda: bucket, url="gs://bucket/one", prefix="one")


@contextmanager
def asked(scheme: str, handler: type[Answering]) -> Iterator[ObjectStore]:
    """A store of Google's or Azure's client, whose requests the handler answers."""
    with serving(handler) as url:
        account = "account=a&" if scheme == "az" else ""
        store = open_store(f"{scheme}://b/one?{account}endpoint={url}")
        assert isinstance(store, ObjectStore)
        yield store
