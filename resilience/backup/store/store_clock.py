"""The store's own clock, as far as it dates what is written.

The age of a leftover is the difference of two clocks: the store's, which dated it, and this
machine's. If the store's is a day behind, or this one a day ahead, the files of a run at work look
abandoned. A small object, written and listed, shows what the store's clock says.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from uuid import uuid4

from resilience.backup.format import layout
from resilience.backup.format.errors import Retained
from resilience.backup.store.base import Store


def store_now(store: Store) -> datetime | None:
    """What the store takes for now; None if its list does not show yet what was written."""
    key = layout.clock_probe(uuid4().hex)
    store.put(key, b"what the store's clock says\n")
    found = [each.modified for each in store.list(key)]
    with suppress(Retained):  # a bucket with a default retention keeps it
        store.delete(key)
    return found[0] if found else None
