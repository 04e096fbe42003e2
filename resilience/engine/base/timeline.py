"""Everything that happened, in order, from any thread; each entry is also passed on at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import RLock
from typing import Any

from resilience.model.timeline import Entry, What
from resilience.verbs.context import Clock


class Timeline:
    """Collects entries and stamps them with the run's clock.

    `emit` is called under a lock, so listeners see the same order as the record.
    """

    def __init__(self, clock: Clock, emit: Callable[[Entry], None]) -> None:
        self._clock = clock
        self._emit = emit
        self._entries: list[Entry] = []
        self._lock = RLock()

    def note(
        self,
        what: What,
        text: str,
        facts: Mapping[str, Any] | None = None,
        *,
        at: float | None = None,
    ) -> Entry:
        """Add one entry; `at` is monotonic if it happened earlier than now."""
        with self._lock:
            now = self._clock.monotonic()
            when = now if at is None else at
            entry = Entry(
                monotonic=when,
                wall=self._clock.wall() - (now - when),
                what=what,
                text=text,
                facts=dict(facts or {}),
            )
            self._entries.append(entry)
            self._emit(entry)
            return entry

    def entries(self) -> Sequence[Entry]:
        """All entries so far, by time; entries with the same time are in the order in which they
        were added."""
        with self._lock:
            return sorted(self._entries, key=lambda entry: entry.monotonic)
