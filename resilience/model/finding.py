"""One objective compared with one measurement, as data: limit, unit, bounds, reason, evidence.

The findings of probes contain no prose: `resilience.report.wording` words it. A check provides its
own text for what it expected and observed (`promised`, `measured`, `detail`); these are printed
unchanged, and no code interprets them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from resilience.model.place import Place


class Result(Enum):
    """The result of one objective. NOT_MEASURED never passes."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_MEASURED = "not measured"


class Kind(Enum):
    """What a finding is about: a probe's objective, by its metric, or anything else."""

    AVAILABILITY = "availability"
    OUTAGE = "longest outage"
    LATENCY = "latency"
    RECOVERY = "recovery"
    BUDGET = "error budget"
    BASELINE = "increase over the baseline"
    CHECK = "check"

    @property
    def is_objective(self) -> bool:
        """Whether a probe's requests measured it."""
        return self is not Kind.CHECK


class Figure(Enum):
    """The kind of number that a check measured, if reports compare it over time."""

    RECOVERY = "recovery"
    RTO = "rto"
    RPO = "rpo"
    LOST = "lost writes"
    MISSED = "missed runs"


class Unit(Enum):
    """The unit of a finding's limit, value and bounds."""

    RATIO = "ratio"
    SECONDS = "seconds"
    COUNT = "count"
    BYTES = "bytes"


class Reason(Enum):
    """Why an objective was not measured."""

    LATE = "prober late"
    UNSENT = "requests not sent"
    ENDED = "prober ended"
    UNCOVERED = "window not covered"
    UNPLANNED = "no request planned"
    TOO_FEW = "too few requests"
    UNANSWERED = "too few answers"
    RESOLUTION = "limit below the interval"
    STILL_OUT = "outage not over"
    TIMEOUT = "limit above the timeout"
    CLOSE = "too close to tell"
    NO_BASELINE = "the baseline failed"
    WAITED = "Pods waited for a CPU"
    UNOBSERVED = "subject not observed"
    STOPPED = "run stopped early"
    DELETED = "namespace deleted"


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
class Evidence:
    """The statistics of a probe's requests in the window. Times are seconds.

    `planned` counts the planned moments; of these, `late`, `unsent` and `missing` were not sent in
    time, and `unknown` are the ones that no other request covers. `resolution` is the largest span
    in which no request was sent. `needed` is how many requests or answers the objective requires.
    For latency: `answered` counts answers and timeouts, `slow` those certainly over the limit,
    `allowed` the most that may be, `slowest` is the slowest. `budget` is the whole error budget.
    `baseline` and `observed` are the 95th percentiles that are compared; None means infinite.
    `where` is the node of a prober that runs in the cluster, "" for the host that runs pytest.
    `waited` is how long at most Pods waited for a CPU that programs outside of the sandbox used,
    given where that may have changed the result. `remarks` are about the whole run, and about what
    spoiled no request: an address of several that failed.
    """

    window: float
    interval: float
    timeout: float
    planned: int
    failed: int
    late: int = 0
    unsent: int = 0
    missing: int = 0
    unknown: int = 0
    worst_lag: float = 0.0
    resolution: float = 0.0
    needed: int = 0
    answers: Mapping[str, int] = field(default_factory=dict)
    statuses: Mapping[int, int] = field(default_factory=dict)
    by: Mapping[str, int] = field(default_factory=dict)
    timeouts: int = 0
    trouble: str = ""
    notes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    answered: int = 0
    slow: int = 0
    allowed: int = 0
    slowest: float = 0.0
    budget: float = 0.0
    baseline: float | None = None
    observed: float | None = None
    where: str = ""
    waited: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One objective, judged. `name` is stable and machine-readable: "checkout.availability".

    `limit` is the objective and `value` the measurement, both in `unit`; `low` and `high` are the
    bounds of the value over everything unknown. `percentile` belongs to LATENCY, `figure` to a
    CHECK, `subject` is the probe or workload, `during` the window if the probe has several,
    `reason` is set where the result is NOT_MEASURED. `outages` are given where the finding is about
    them. `circumstances` describe what happened around a failure: which action was running, which
    Pods and Events were involved. `parts` are the phases that a duration consists of, in
    seconds and in their order.
    """

    name: str
    result: Result
    kind: Kind = Kind.CHECK
    figure: Figure | None = None
    subject: str = ""
    during: str = ""
    percentile: float | None = None
    limit: float | None = None
    unit: Unit | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    reason: Reason | None = None
    evidence: Evidence | None = None
    promised: str = ""
    measured: str = ""
    detail: tuple[str, ...] = ()
    circumstances: tuple[str, ...] = ()
    outages: tuple[Outage, ...] = ()
    parts: Mapping[str, float] = field(default_factory=dict)
    place: Place | None = None


def unobserved(result: Result) -> Reason | None:
    """The reason for a watch-based result that could not be seen."""
    return Reason.UNOBSERVED if result is Result.NOT_MEASURED else None
