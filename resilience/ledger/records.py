"""The records of a ledger: each write, each read, and the faults in between. Values only.

Times are seconds of CLOCK_MONOTONIC in the one process that writes and reads, so that their order
is certain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Fate(Enum):
    """The result of a write. Only an explicit answer acknowledges a write. A write failed only if
    it was never sent or the server says that it was not written. Everything else is unknown."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    FAILED = "failed"
    UNKNOWN = "unknown"
    UNSENT = "not sent"


@dataclass(slots=True, kw_only=True)
class Write:
    """One planned write. `intended` is when it should have left; `by` is the Pod or server that
    acknowledged it, "" where it does not say."""

    seq: int
    key: str
    intended: float
    invoked: float | None = None
    ended: float | None = None
    fate: Fate = Fate.OPEN
    by: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a read saw of the run's keys: how often each whole value, and which keys had another
    value than the one that was written."""

    values: Mapping[str, int] = field(default_factory=dict)
    corrupt: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One read that was answered. `asked` is None where it covers every key of the run. A `final`
    read began after healing, when no more writes were sent."""

    begun: float
    ended: float
    found: Found
    asked: frozenset[str] | None = None
    final: bool = False

    def covers(self, key: str) -> bool:
        """Whether the read covers that key."""
        return self.asked is None or key in self.asked

    def saw(self, key: str) -> bool:
        """Whether the key was there, with whatever value."""
        return key in self.found.values or key in self.found.corrupt


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """The time at which an action took effect, with a readable `text`."""

    at: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The time a snapshot or a restore took; `name` is the snapshot's, or the namespace that was
    restored."""

    since: float
    until: float
    name: str = ""
