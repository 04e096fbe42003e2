"""Generates snapshot names that several processes may request at the same time.

Two processes that begin in the same second have the same timestamp. The store decides: the process
whose first file is refused takes the next name and begins again.
"""

from __future__ import annotations

from collections.abc import Callable

from resilience.backup.catalog.catalog import free_name
from resilience.backup.format.errors import Exists
from resilience.backup.format.manifest import Manifest
from resilience.backup.store import Store

_TRIES = 5


def under_free_name(store: Store, base: str, make: Callable[[str], Manifest]) -> Manifest:
    """The result of `make` for `base`, or for `base-2` and so on when that is taken, or being
    taken."""
    for _ in range(_TRIES - 1):
        name = free_name(store, base)
        try:
            return make(name)
        except Exists:
            continue  # another process was faster, and the files written here were deleted again
    return make(free_name(store, base))
