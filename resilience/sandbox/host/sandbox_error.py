"""The one error a user of the sandbox can cause, said in one line and without a traceback."""

from __future__ import annotations


class SandboxError(Exception):
    """Object, what was observed, what was expected, what to do next: one line."""
