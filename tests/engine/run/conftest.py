"""A cluster in memory with one Deployment, and a sandbox reached as if it were a real cluster."""

from __future__ import annotations

import pytest

from tests.engine.helpers import World, world
from tests.real_cluster import admin, embedded, folder

__all__ = ["admin", "embedded", "folder"]


@pytest.fixture
def here() -> World:
    made = world()
    made.deploy()
    return made
