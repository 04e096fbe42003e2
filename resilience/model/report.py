"""One finished run of one scenario: what the report room turns into JSON, JUnit and HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from resilience.model.samples import Sample
from resilience.model.scenario import Scenario
from resilience.model.timeline import Entry
from resilience.model.values import RunId
from resilience.model.verdict import Finding, Outcome, StepRecord, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeRecord:
    """What one probe recorded. `samples` is in order of `seq`; `rate` per second."""

    name: str
    title: str
    rate: float
    samples: Sequence[Sample]
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """Everything known after a run. `window` is None when no action ever began.

    `reason` is what ended the run outside of any step ("" if nothing did); `message` is the whole
    readable text. `again` names the run that measured the same scenario once more, because only a
    busy machine kept this one from a verdict; `before` names this run in the other one.

    `environment` holds versions, context, server version, whether it was the sandbox, `via`.
    `residues` are what undone actions leave by declaration; `leftovers` what could not be undone
    and must be reported as prominently as a failure.
    """

    run: RunId
    scenario: Scenario
    seed: int
    started_wall: float
    started: float
    ended: float
    outcome: Outcome
    message: str
    reason: str = ""
    window: Window | None
    steps: Sequence[StepRecord]
    findings: Sequence[Finding]
    probes: Sequence[ProbeRecord]
    timeline: Sequence[Entry]
    environment: Mapping[str, Any] = field(default_factory=dict)
    residues: Sequence[str] = ()
    leftovers: Sequence[str] = ()
    again: str = ""
    before: str = ""

    @property
    def member(self) -> str:
        """The cluster of the fleet on which it ran; "" without a fleet."""
        return str(self.environment.get("member", ""))
