"""The main reason why a run did not pass.

It is what decided the outcome, not everything else that went wrong: a step that could not be
carried out comes before an objective that was therefore not measured, and an interruption comes
before its consequences.
"""

from __future__ import annotations

from collections.abc import Sequence

from resilience.model.report import RunRecord
from resilience.model.verdict import Finding, Outcome, Result, StepRecord
from resilience.report import wording

_BY_A_STEP = (Outcome.HARNESS_ERROR, Outcome.REFUSED, Outcome.BLOCKED)


def cause(record: RunRecord) -> str:
    """The reason in one line; "" if the record contains none."""
    return of(record.outcome, record.reason, record.leftovers, record.steps, record.findings)


def of(
    outcome: Outcome,
    reason: str,
    leftovers: Sequence[str],
    steps: Sequence[StepRecord],
    findings: Sequence[Finding],
) -> str:
    """The same for a run without a record. `reason` is what ended the run outside of any step."""
    if outcome is Outcome.UNDO_INCOMPLETE and leftovers:
        return f"left in the cluster: {leftovers[0]}"
    if reason:
        return reason.splitlines()[0]
    step = _step(steps)
    if outcome in _BY_A_STEP and step:
        return step
    decisive = _decisive(findings)
    return wording.decisive(decisive) if decisive else step


def _decisive(findings: Sequence[Finding]) -> Finding | None:
    """The first missed objective, or else the first that was not measured."""
    broken = [finding for finding in findings if finding.result is not Result.PASSED]
    failed = [finding for finding in broken if finding.result is Result.FAILED]
    return next(iter(failed or broken), None)


def _step(steps: Sequence[StepRecord]) -> str:
    wrong = [step for step in steps if step.result is not Result.PASSED and step.message]
    return f"{wrong[0].title}: {wrong[0].message.splitlines()[0]}" if wrong else ""
