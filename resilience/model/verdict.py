"""Results: what was promised, what was measured, and how a scenario ended. Values, never log lines.

`Finding` is one promise held against one measurement. `Outcome` is how a whole scenario ended; the
worst finding decides, in the order of the enum.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from resilience.model.place import Place


class Result(Enum):
    """One promise. NOT_MEASURED is never a pass."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_MEASURED = "not measured"


class Outcome(Enum):
    """How a scenario ended; distinct in report, JUnit and exit code."""

    PASSED = "passed"
    SERVICE_FAILED = "service failed"
    NOT_MEASURED = "not measured"
    HARNESS_ERROR = "harness error"
    REFUSED = "refused by guard"
    BLOCKED = "blocked by budget"
    INTERRUPTED = "interrupted"
    UNDO_INCOMPLETE = "undo incomplete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A span of monotonic time in which objectives are judged, `since` inclusive."""

    since: float
    until: float

    @property
    def length(self) -> float:
        """Seconds."""
        return self.until - self.since


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A span without enough good answers. Both edges are uncertain by `resolution` seconds."""

    since: float
    until: float
    resolution: float
    lost: int
    answers: Mapping[str, int] = field(default_factory=dict)

    @property
    def length(self) -> float:
        """Seconds."""
        return self.until - self.since


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One promise, judged. `name` is stable and machine-readable: "checkout.availability".

    `promised` and `measured` are for people and carry units; `value` is the measured number in base
    units (seconds, ratio, count) or None. `detail` lines say when, which action was running, which
    Pods and answers were involved. `outages` are given where the finding is about them.
    """

    name: str
    result: Result
    promised: str
    measured: str
    value: float | None = None
    detail: tuple[str, ...] = ()
    outages: tuple[Outage, ...] = ()
    place: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """One step as it was carried out. Times are monotonic; `ended` None: it never ended. What an
    `optional` one came to decides nothing."""

    path: str
    phase: str
    verb: str
    title: str
    place: Place
    started: float
    ended: float | None
    result: Result
    message: str = ""
    optional: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)
