"""An S3 that gives the true bytes first and an attacker's afterwards, over the wire."""

from __future__ import annotations

import http.client
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
import pytest

from resilience.backup.catalog.catalog import opened
from resilience.backup.format import layout
from resilience.backup.format.errors import BackupError, Tampered
from resilience.backup.store.memory import MemoryStore
from resilience.backup.store.s3 import S3Store
from resilience.backup.store.s3_client import S3Settings
from tests.backup.catalog.test_trust import FILES, brought_back, evil
from tests.backup.catalog.test_verify import SIGNER, THIEF, stored
from tests.backup.fakes import FakeCluster
from tests.backup.servers import KEYS, moto
from tests.loopback import Answering, serving

TRUTH, OTHER = "truth", "other"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Both snapshots, of one name, each in its bucket."""
    with pytest.MonkeyPatch.context() as patch, moto() as server:
        for key, value in KEYS.items():
            patch.setenv(key, value)
        client = boto3.client("s3", endpoint_url=server, region_name="us-east-1")
        for bucket, held in ((TRUTH, stored()), (OTHER, evil(THIEF))):
            client.create_bucket(Bucket=bucket)
            filled(server, bucket, held)
        yield server


def filled(server: str, bucket: str, held: MemoryStore) -> None:
    store = s3(server, bucket)
    for key, data in held.files.items():
        store.put(key, data)


def s3(server: str, bucket: str) -> S3Store:
    settings = S3Settings(bucket=bucket, prefix="one", endpoint=server, region="us-east-1")
    return S3Store(settings, url=f"s3://{bucket}/one")


@contextmanager
def lying(server: str, keys: frozenset[str], honest: int) -> Iterator[tuple[str, Counter[str]]]:
    """After `honest` reads of one of `keys` its bytes come from the other bucket."""
    reads: Counter[str] = Counter()

    class Handler(Answering):
        def do_GET(self) -> None:
            key = self.path.partition("?")[0].removeprefix(f"/{TRUTH}/one/")
            reads[key] += 1
            path = self.path
            if key in keys and reads[key] > honest:
                path = path.replace(f"/{TRUTH}/", f"/{OTHER}/", 1)
            there = http.client.HTTPConnection(server.removeprefix("http://"))
            there.request(self.command, path, headers=dict(self.headers))
            answer = there.getresponse()
            body = answer.read()
            hop = ("content-length", "transfer-encoding", "connection")
            kept = {name: each for name, each in answer.getheaders() if name.lower() not in hop}
            self.answer(answer.status, body, kept)
            there.close()

    with serving(Handler) as url:
        yield url, reads


@pytest.mark.parametrize("honest", [0, 1, 2])
@pytest.mark.parametrize("which", [*FILES, "all"])
def test_no_object_of_a_lying_s3_gets_in(which: str, honest: int, endpoint: str) -> None:
    names = FILES if which == "all" else (which,)
    keys = frozenset(getattr(layout, each)("one") for each in names)
    target = FakeCluster()
    with lying(endpoint, keys, honest) as (server, reads):
        try:
            report = brought_back(opened(s3(server, TRUTH), "one", trusted=SIGNER.public), target)
            assert report.complete
            assert sum(report.counts.values()) == 6
        except BackupError as problem:
            assert isinstance(problem, Tampered)  # noqa: PT017 - either outcome is right
    if honest == 0 or (which in ("archive", "all") and honest == 1):
        assert any(reads[key] > honest for key in keys)  # it lied
    assert ("configmaps", "shop", "evil") not in target.objects
    assert ("configmaps", "kube-system", "e") not in target.objects
