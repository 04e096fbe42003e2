"""What a drill found, and how long each part of it took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from resilience.backup.format.backup_clock import Clock
from resilience.model.progress import track
from resilience.model.scenario import Plan
from resilience.model.verdict import Figure, Finding, Result, Unit


@dataclass(slots=True)
class DrillReport:
    """`seconds` is by part; `rewrites` counts objects by safety rule; `left` lists what was not
    restored; `excused` lists what the comparison accepted by its closed lists."""

    plan: str
    snapshot: str
    findings: list[Finding] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    objects: int = 0
    rewrites: dict[str, int] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    excused: list[str] = field(default_factory=list)
    swept: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether every objective was met."""
        return all(finding.result is Result.PASSED for finding in self.findings)


class DrillRecord:
    """Writes a report: findings at the plan's place, seconds by the clock."""

    def __init__(self, report: DrillReport, plan: Plan, clock: Clock) -> None:
        self.report, self._plan, self._clock = report, plan, clock

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Add the time of the block to that part."""
        began = self._clock.monotonic()
        try:
            with track(f"drill: {part}", unit=""):
                yield
        finally:
            spent = self.report.seconds.get(part, 0.0)
            self.report.seconds[part] = spent + self._clock.monotonic() - began

    def find(
        self,
        name: str,
        good: bool,
        promised: str,
        measured: str,
        detail: Sequence[str] = (),
        value: float | None = None,
        limit: float | None = None,
        unit: Unit | None = None,
        phases: Mapping[str, float] | None = None,
        figure: Figure | None = None,
    ) -> None:
        """Record whether an objective was met."""
        self.report.findings.append(
            Finding(
                name=name,
                result=Result.PASSED if good else Result.FAILED,
                promised=promised,
                measured=measured,
                detail=tuple(detail),
                value=value,
                limit=limit,
                unit=unit,
                parts=phases or {},
                figure=figure,
                place=self._plan.place,
            )
        )
