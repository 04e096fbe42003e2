"""A cluster of three nodes for tests that need no other."""

from __future__ import annotations

import pytest

from tests.sandbox.controllers.world import World


@pytest.fixture
def world() -> World:
    """Three Ready nodes; Pods start in 0.5 s and stop in 1 s."""
    return World()
