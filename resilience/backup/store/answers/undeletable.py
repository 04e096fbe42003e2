"""An error of its own for a deletion that the store refuses, as it does to append-only clients.

Snapshots are taken without permission to delete: records of locks, probes and old snapshots then
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
