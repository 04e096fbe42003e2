"""Says of a snapshot that it does not continue one that a killed run left unfinished.

One rule for each way to take one: by hand, by schedule, by the verb `snapshot`.
"""

from __future__ import annotations

from resilience.backup.format import layout
from resilience.backup.plans.pruning import unfinished
from resilience.backup.store import Store


class StartedOver:
    """Made before a snapshot is taken: what is unfinished then is not continued by it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._left = unfinished(store)

    def lines(self, name: str) -> list[str]:
        """One for each that is still there once the snapshot `name` has been taken; what pruning
        deleted since has a line there."""
        there = [each for each in self._left if any(self._store.list(layout.directory(each.name)))]
        return [
            f"snapshot {each.name} is unfinished, last written to on "
            f"{each.newest:%Y-%m-%d at %H:%M:%S}: "
            f"its run was killed, or is still running. {name} started from the beginning; "
            f"`resilience backup create --continue {each.name}` with the same plan completes the "
            "other one without reading the volumes again that it has, and `resilience backup "
            "prune` deletes what nothing was written to for a day"
            for each in there
            if each.name != name
        ]
