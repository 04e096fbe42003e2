"""JSON pointers (RFC 6901)."""

from __future__ import annotations


def escaped(key: str) -> str:
    """A key as a part of a pointer."""
    return key.replace("~", "~0").replace("/", "~1")
