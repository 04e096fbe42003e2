"""One sandbox for the tests that leave it as they found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.machinery.running import RunningSandbox, sandbox


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[RunningSandbox]:
    """A sandbox with three nodes, used by many tests: each makes objects of its own."""
    with sandbox() as running:
        yield running
