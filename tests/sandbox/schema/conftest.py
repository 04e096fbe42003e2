"""The API server of `tests.sandbox.apiserver`, for what is tested through it."""

from __future__ import annotations

from tests.sandbox.apiserver.conftest import api, clock, live, wire

__all__ = ["api", "clock", "live", "wire"]
