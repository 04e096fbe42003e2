"""A deletion that the store refuses, as append-only credentials have it, is told as one.

Whoever takes snapshots needs no right to delete: records of locks, probes and old snapshots then
stay, and are no reason for a snapshot to fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from resilience.backup.format.errors import StoreRefused, Undeletable


@contextmanager
def undeletable() -> Iterator[None]:
    """Raise `Undeletable` for a refusal."""
    try:
        yield
    except StoreRefused as problem:
        raise Undeletable(str(problem)) from problem
