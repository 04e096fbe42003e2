"""One sandbox for the tests that leave it as they found it."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from resilience.cluster.interface import NAMESPACES
from tests.sandbox.running import Pods, RunningSandbox, sandbox

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[RunningSandbox]:
    """A sandbox with three nodes, used by many tests: each makes objects of its own."""
    with sandbox() as running:
        yield running


@pytest.fixture
def pods(shared_sandbox: RunningSandbox) -> Iterator[Pods]:
    """A namespace of the test's own in the shared sandbox."""
    namespace = f"test-{next(_numbers)}"
    shared_sandbox.cluster.create(NAMESPACES, {"metadata": {"name": namespace}})
    yield Pods(shared_sandbox, namespace)
    shared_sandbox.cluster.delete(NAMESPACES, namespace)


@pytest.fixture
def short() -> Iterator[Path]:
    """A TMPDIR for sandboxes of a test's own; pytest's is too long for their sockets under -n."""
    with tempfile.TemporaryDirectory(prefix="rs") as directory:
        yield Path(directory)
