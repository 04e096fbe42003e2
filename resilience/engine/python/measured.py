"""The results of a probe around a block, as numbers for assertions.

Each number comes from the same judgement as a scenario's objectives and is the worst case of the
measurement. Reading a number that could not be measured (too few requests, a late prober, the block
still running) raises NotMeasured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from resilience.model.scenario import Objective
from resilience.model.values import Availability, Duration
from resilience.model.verdict import Finding, Kind, Outage

PERCENTILES = (50.0, 90.0, 95.0, 99.0)

DOUBT = {Kind.AVAILABILITY: 0.01, Kind.OUTAGE: 0.25}
"""The maximum difference between best and worst case for which one number is meaningful."""


class NotMeasured(Exception):
    """There is no reliable number; the text says how to get one."""


class Measured:
    """The numbers of one probe, once its block has ended. Times are in seconds."""

    everything: ClassVar[Objective] = Objective(
        availability=Availability.parse("99%"),
        longest_outage=Duration.of(3600),
        latency={percent: Duration.of(3600) for percent in PERCENTILES},
    )
    """Objectives that a test without its own is judged by: every number, with thresholds that are
    never reached. An outage is a window below 99%."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._findings: tuple[Finding, ...] | None = None

    def judged(self, findings: Sequence[Finding]) -> None:
        """The block has ended; these are its findings."""
        self._findings = tuple(findings)

    @property
    def findings(self) -> Sequence[Finding]:
        """All of them."""
        return self._findings or ()

    @property
    def availability(self) -> float:
        """Good answers as a share of all planned requests, between 0 and 1."""
        return self._worst(self._finding(Kind.AVAILABILITY), lambda finding: finding.low)

    @property
    def longest_outage(self) -> float:
        """Seconds; 0.0 without an outage."""
        return self._worst(self._finding(Kind.OUTAGE), lambda finding: finding.high)

    @property
    def outages(self) -> Sequence[Outage]:
        """All outages, by time."""
        return self._finding(Kind.OUTAGE).outages

    def latency(self, percent: float) -> float:
        """Seconds within which this percentage was answered: 50, 90, 95 or 99."""
        return self._worst(self._finding(Kind.LATENCY, percent), lambda finding: finding.high)

    @property
    def p99(self) -> float:
        """`latency(99)`."""
        return self.latency(99)

    def _worst(self, finding: Finding, bound: Callable[[Finding], float | None]) -> float:
        """The worst case of the measurement; raises NotMeasured if best and worst case are far
        apart."""
        value = bound(finding)
        if finding.reason is not None or finding.value is None or value is None or _wide(finding):
            raise NotMeasured(f"{finding.name}: {_why(finding)}")
        return value

    def _finding(self, kind: Kind, percent: float | None = None) -> Finding:
        if self._findings is None:
            raise NotMeasured(f"{self.name}: the block has not ended")
        for finding in self._findings:
            if finding.kind is Kind.CHECK and finding.reason is not None:  # it says nothing
                raise NotMeasured(f"{self.name}: {finding.measured}")
        for finding in self._findings:
            if finding.kind is kind and finding.percentile == percent:
                return finding
        there = ", ".join(sorted(finding.name for finding in self._findings))
        wanted = kind.value if percent is None else f"p{percent:g}"
        raise NotMeasured(f"{self.name}: {wanted} was not measured; available: {there}")


def _wide(finding: Finding) -> bool:
    low, high = finding.low, finding.high
    doubt = DOUBT.get(finding.kind)
    return doubt is not None and low is not None and high is not None and high - low > doubt


def _why(finding: Finding) -> str:
    from resilience.report import wording

    return "; ".join([wording.measured(finding), *wording.detail(finding)])
