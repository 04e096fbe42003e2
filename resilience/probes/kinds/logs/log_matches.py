"""The matching lines of a `log` probe: all are counted, and the latest are kept for display.

The time of each match is kept (8 bytes), so that matches within a window can be counted however
many came before it. Thread-safe.
"""

from __future__ import annotations

from array import array
from collections import deque
from dataclasses import dataclass
from threading import Lock

from resilience.model.masks import excerpt
from resilience.model.verdict import Window
from resilience.model.words import many

MOST_KEPT = 1000
SHOWN = 160
"""Characters of a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A matching line. `at` is monotonic seconds."""

    at: float
    pod: str
    text: str


class Matches:
    """All matches; it grows while the probe runs."""

    def __init__(self) -> None:
        self._moments = array("d")
        self._kept: deque[Match] = deque(maxlen=MOST_KEPT)
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._moments)

    def add(self, at: float, pod: str, text: str) -> None:
        """One more."""
        with self._lock:
            self._moments.append(at)
            self._kept.append(Match(at=at, pod=pod, text=excerpt(text, SHOWN)))

    def kept(self) -> list[Match]:
        """The latest matching lines, at most `MOST_KEPT`."""
        with self._lock:
            return list(self._kept)

    def told(self, window: Window) -> str:
        """How many matches are in the window, with one of them as text; "" if there are none."""
        with self._lock:
            inside = [at for at in self._moments if window.since <= at <= window.until]
        if not inside:
            return ""
        shown = [each for each in self.kept() if window.since <= each.at <= window.until]
        one = min(shown, key=lambda each: each.at, default=None)
        if one is None:
            return many(len(inside), "line")
        which = "the first" if one.at == min(inside) else "one"
        return f"{many(len(inside), 'line')}, {which} of {one.pod}: {one.text!r}"
