"""The same cluster of three nodes as the controllers' tests have."""

from __future__ import annotations

from tests.sandbox.controllers.conftest import world

__all__ = ["world"]
