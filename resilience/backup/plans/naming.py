"""Names that several may ask for at once: a snapshot's own, when nobody has chosen one.

Two processes that begin in the same second have the same stamp. The store decides, as for
everything else: whose first file is refused takes the next name and begins again.
"""

from __future__ import annotations

from collections.abc import Callable

from resilience.backup.catalog.catalog import free_name
from resilience.backup.format.errors import Exists
from resilience.backup.format.manifest import Manifest
from resilience.backup.store import Store

_TRIES = 5


def under_free_name(store: Store, base: str, make: Callable[[str], Manifest]) -> Manifest:
    """What `make` makes of `base`, or of `base-2` and so on when that is taken, or being taken."""
    for _ in range(_TRIES - 1):
        name = free_name(store, base)
        try:
            return make(name)
        except Exists:
            continue  # someone was faster; what we wrote was taken back
    return make(free_name(store, base))
