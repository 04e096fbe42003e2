"""An S3 server, its keys, and a bucket for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from resilience.backup.store.s3 import S3Store
from tests.backup.servers import KEYS, moto
from tests.backup.store.trial import s3


@pytest.fixture(scope="module")
def moto_endpoint() -> Iterator[str]:
    with moto() as endpoint:
        yield endpoint


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture
def bucket(moto_endpoint: str, keys: None, request: pytest.FixtureRequest) -> S3Store:
    name = "b" + "".join(c for c in request.node.name.lower() if c.isalnum())[-40:]
    store = s3(moto_endpoint, name, attempts=3)
    store.client.create_bucket(Bucket=name)
    return store


@pytest.fixture
def unsigned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_SKIP_SIGNATURE", "true")
    monkeypatch.setenv("AZURE_SKIP_SIGNATURE", "true")
