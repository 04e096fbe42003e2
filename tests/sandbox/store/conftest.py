"""The API server of `tests.sandbox.apiserver`, for the rules of this room that are seen through it."""

from __future__ import annotations

from tests.sandbox.apiserver.conftest import api, clock, live, wire

__all__ = ["api", "clock", "live", "wire"]
