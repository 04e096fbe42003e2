"""A scripted server and a cluster that talks to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from resilience.cluster.access.access import Access
from resilience.cluster.transport import HttpCluster
from tests.cluster.faulty import FaultyServer


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    server = FaultyServer()
    yield server
    server.close()


@pytest.fixture
def cluster(server: FaultyServer) -> Iterator[HttpCluster]:
    access = Access(
        context="test", server=server.url, authorization=lambda: "Bearer t0k3n", sandbox=True
    )
    with HttpCluster(access, run="r-1") as cluster:
        yield cluster
