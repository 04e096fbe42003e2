"""Whether a snapshot exists that a listing does not show.

A listing may be behind the writes, or incomplete. For finding a snapshot that is an error which the
next listing corrects; what is deleted because nothing refers to it is gone. So a deletion asks
for the marker by its name.
"""

from __future__ import annotations

from resilience.backup.format import layout
from resilience.backup.format.errors import Archived, Missing, Withheld
from resilience.backup.store import Store

ARK_MARKER = "ark-backup.json"


def markers(name: str) -> tuple[str, ...]:
    """The keys of which one makes a snapshot visible."""
    return layout.marker(name), layout.sealed_marker(name), layout.directory(name) + ARK_MARKER


def has_marker(store: Store, name: str) -> bool:
    """Whether the store gives one of them, listed or not."""
    return any(_is_there(store, key) for key in markers(name))


def _is_there(store: Store, key: str) -> bool:
    try:
        for _ in store.stream(key):
            break
    except Missing:
        return False
    except (Archived, Withheld):
        return True
    return True
