"""Whether the store honours create-only writes: checked at first use, with one small object.

If `If-None-Match` is ignored, two runs that write the same name silently destroy each other's data,
and an attacker can replace snapshots. The object stays: with a good store every later check is a
single refused write.
"""

from __future__ import annotations

from resilience.backup.format import layout
from resilience.backup.format.errors import Exists, OverwritesSilently
from resilience.backup.store.base import Store

_TEXT = b"written twice at first use: a store that accepts the second write ignores If-None-Match\n"


def require_create_only(store: Store) -> None:
    """`OverwritesSilently`, naming the store, unless the user has accepted that."""
    if store.overwrites_accepted:
        return
    for _ in range(2):
        try:
            store.put(layout.CREATE_ONLY_PROBE, _TEXT)
        except Exists:
            return
    raise OverwritesSilently(
        f"{store.url} ignores create-only writes (If-None-Match: *): a second writer would "
        "silently replace a snapshot. Use a store that honours them, or accept it with "
        "?overwrites=accepted in the URL; then each key is looked up before it is written, which "
        "protects against a second run but not against a race"
    )
