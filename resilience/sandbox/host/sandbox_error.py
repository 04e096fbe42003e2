"""The only error that a user of the sandbox can cause: one line, without a traceback."""

from __future__ import annotations


class SandboxError(Exception):
    """Object, observed, expected, next step: one line."""
