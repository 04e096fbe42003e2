"""A sandbox reached as if it were a real cluster, for the tests of this room."""

from __future__ import annotations

from tests.real_cluster import admin, embedded, folder

__all__ = ["admin", "embedded", "folder"]
