"""The one thing to know first about a run that did not pass.

What decided the outcome is named, not what went wrong beside it: a step that could not be carried
out outranks a promise that was therefore not measured, and what somebody stopped was stopped.
"""

from __future__ import annotations

from resilience.model.report import RunRecord
from resilience.model.verdict import Finding, Outcome, Result

_BY_A_STEP = (Outcome.HARNESS_ERROR, Outcome.REFUSED, Outcome.BLOCKED)


def cause(record: RunRecord) -> Finding | str:
    """A broken promise, or a line of text; "" where the record says nothing."""
    if record.outcome is Outcome.UNDO_INCOMPLETE and record.leftovers:
        return f"left in the cluster: {record.leftovers[0]}"
    said = record.message.partition("\n")[0].removeprefix(f"{record.outcome.value}:").strip()
    if said:
        return said
    step = _step(record)
    if record.outcome in _BY_A_STEP and step:
        return step
    broken = [finding for finding in record.findings if finding.result is not Result.PASSED]
    failed = [finding for finding in broken if finding.result is Result.FAILED]
    worst = failed or broken
    return worst[0] if worst else step


def _step(record: RunRecord) -> str:
    wrong = [step for step in record.steps if step.result is not Result.PASSED and step.message]
    return f"{wrong[0].title}: {wrong[0].message.splitlines()[0]}" if wrong else ""
