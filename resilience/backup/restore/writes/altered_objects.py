"""The objects that a restore wrote and that a cluster stored otherwise: a note for each."""

from __future__ import annotations

from collections.abc import Sequence

from resilience.cluster.interface import Object
from resilience.kube import objects
from resilience.model.words import many

_MOST_OBJECTS, _MOST_PLACES = 10, 5


class AlteredObjects:
    """Those of a rehearsal and of the restore itself are one: each is named once."""

    def __init__(self) -> None:
        self._found: dict[str, Sequence[str]] = {}

    def see(self, kind: str, obj: Object, places: Sequence[str]) -> None:
        """Look at the places of an object that was just written."""
        title = f"{kind} {objects.title(obj)}"
        self._found.pop(title, None)
        if places:
            self._found[title] = places

    def notes(self) -> list[str]:
        """A line for each, never with a value: it may be a secret."""
        lines = [
            f"{title}: the cluster stores something else at {_some(places)} than the snapshot "
            "holds: a webhook or policy changes it, or this version of its kind lacks the field"
            for title, places in self._found.items()
        ]
        more = len(lines) - _MOST_OBJECTS
        rest = [f"{many(more, 'more object')} that the cluster changes"] if more > 0 else []
        return lines[:_MOST_OBJECTS] + rest


def _some(places: Sequence[str]) -> str:
    more = len(places) - _MOST_PLACES
    return ", ".join(places[:_MOST_PLACES]) + (
        f" and {many(more, 'more place')}" if more > 0 else ""
    )
