"""Timestamps as controllers read and write them, over the sandbox's own clock functions."""

from __future__ import annotations

from functools import lru_cache

from resilience.sandbox.host.sandbox_clock import parse_stamp, stamp, stamp_micro

parse = lru_cache(maxsize=4096)(parse_stamp)
"""Epoch seconds of a `metav1.Time` or `MicroTime`, remembered: most are read many times."""


def parse_or_zero(text: str | None) -> float:
    """`parse`, and 0.0 for an absent timestamp (Go's zero time sorts first as well)."""
    return parse(text) if text else 0.0


__all__ = ["parse", "parse_or_zero", "stamp", "stamp_micro"]
