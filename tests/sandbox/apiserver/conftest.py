"""An in-process API server on virtual time, and a real one over its socket."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from resilience.sandbox.apiserver.registry.registry import Registry
from resilience.sandbox.host.sandbox_clock import VirtualClock
from tests.sandbox.apiserver.live import Live, server
from tests.sandbox.apiserver.wire import Wire


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def api(clock: VirtualClock) -> Registry:
    """A registry with namespace and ServiceAccount `default`, and nothing that controls it."""
    registry = Registry(clock, chance=random.Random(7))
    registry.create(registry.resource("namespaces"), {"metadata": {"name": "default"}})
    registry.create(
        registry.resource("serviceaccounts"),
        {"metadata": {"name": "default", "namespace": "default"}},
    )
    return registry


@pytest.fixture(scope="session")
def live() -> Iterator[Live]:
    """One server process with its controllers for all tests that speak HTTP."""
    with server() as running:
        yield running


@pytest.fixture
def wire(live: Live, request: pytest.FixtureRequest) -> Iterator[Wire]:
    """Raw HTTP to `live`, with a namespace of this test's own."""
    with Wire.to(live) as connection:
        connection.own_namespace(request.node.name)
        yield connection
