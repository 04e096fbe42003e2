"""What a probe around a block measured, as numbers for assertions.

Each number comes from the same judgement as a scenario's objectives; one that could not be measured
(too few requests, a prober that fell behind, the block still running) raises NotMeasured instead of
lying.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from resilience.model.scenario import Objective
from resilience.model.values import Availability, Duration
from resilience.model.verdict import Finding, Outage, Result

PERCENTILES = (50.0, 90.0, 95.0, 99.0)


class NotMeasured(Exception):
    """There is no honest number; the text says what would give one."""


class Measured:
    """The numbers of one probe, once its block has ended. Times are in seconds."""

    everything: ClassVar[Objective] = Objective(
        availability=Availability.parse("99%"),
        longest_outage=Duration.of(3600),
        latency={percent: Duration.of(3600) for percent in PERCENTILES},
    )
    """What is judged where the test promises nothing: every number, with no threshold near. An
    outage is what falls below 99%."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._findings: dict[str, Finding] | None = None

    def judged(self, findings: Sequence[Finding]) -> None:
        """The block has ended; this is what was found."""
        self._findings = {finding.name.rpartition(".")[2]: finding for finding in findings}

    @property
    def findings(self) -> Sequence[Finding]:
        """All of them."""
        return tuple((self._findings or {}).values())

    @property
    def availability(self) -> float:
        """Good answers, as a part of all planned, between 0 and 1."""
        return self._number("availability")

    @property
    def longest_outage(self) -> float:
        """Seconds; 0.0 when there was none."""
        return self._number("longest_outage")

    @property
    def outages(self) -> Sequence[Outage]:
        """All of them, by time."""
        return self._finding("longest_outage").outages

    def latency(self, percent: float) -> float:
        """Seconds within which so many percent were answered: 50, 90, 95 or 99."""
        return self._number(f"p{percent:g}")

    @property
    def p99(self) -> float:
        """`latency(99)`."""
        return self.latency(99)

    def _number(self, name: str) -> float:
        finding = self._finding(name)
        if finding.result is Result.NOT_MEASURED or finding.value is None:
            raise NotMeasured(f"{self.name}.{name}: {finding.measured}")
        return finding.value

    def _finding(self, name: str) -> Finding:
        if self._findings is None:
            raise NotMeasured(f"{self.name}: the block has not ended")
        if name not in self._findings:
            raise NotMeasured(f"{self.name}.{name}: it was not asked for; there are: "
                              f"{', '.join(sorted(self._findings))}")  # fmt: skip
        return self._findings[name]
