"""The outcome of a scenario, the span in which it was judged, and its steps. Values, never log
lines.

`Outcome` is how a whole scenario ended; the worst finding decides, in the order of the enum. The
findings themselves are in `resilience.model.finding` and can be imported from here as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from resilience.model.cpu_waits import UNKNOWN, CpuWaits
from resilience.model.finding import Evidence, Figure, Finding, Kind, Outage, Reason, Result, Unit
from resilience.model.place import Place

__all__ = [
    "Evidence",
    "Figure",
    "Finding",
    "Kind",
    "Outage",
    "Outcome",
    "Reason",
    "Result",
    "StepRecord",
    "Unit",
    "Window",
]


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
    """A span of monotonic time in which objectives are judged, `since` inclusive. `over` is when
    the last action in it had ended, None where that is not known. `name` is what `during` calls it,
    "" for the only one; `kinds` are the objectives that are judged in it, None for all; `calm` is
    the baseline, if one was measured; `waits` is how long Pods waited for a CPU, where that is
    known."""

    since: float
    until: float
    over: float | None = None
    name: str = ""
    kinds: frozenset[Kind] | None = None
    calm: tuple[float, float] | None = None
    waits: CpuWaits = UNKNOWN

    def called(self, probe: str, metric: str) -> str:
        """The name of a finding: `checkout.fault.availability` in the window `fault`."""
        return ".".join(part for part in (probe, "_".join(self.name.split()), metric) if part)

    def judges(self, kind: Kind) -> bool:
        """Whether an objective of that kind is judged in it."""
        return self.kinds is None or kind in self.kinds

    @property
    def length(self) -> float:
        """Seconds."""
        return self.until - self.since


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """One executed step. Times are monotonic; `ended` is None if the step never ended. The outcome
    of an `optional` step does not affect the verdict.
    """

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
