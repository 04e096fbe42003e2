"""Decides whether late probers are the only reason why a run has no verdict. Pure.

Such a run says nothing about the service, so a second run may give a verdict. A run in which
anything failed is never repeated: that would let chance overrule a failure.
"""

from __future__ import annotations

from resilience.model.report import RunRecord
from resilience.model.verdict import Outcome, Reason, Result


def only_late(record: RunRecord) -> bool:
    """Whether the run was not measured, no step failed, and a late prober is the only reason."""
    open_ = [finding for finding in record.findings if finding.result is not Result.PASSED]
    steps = [
        step for step in record.steps if step.result is not Result.PASSED and not step.optional
    ]
    return (
        record.outcome is Outcome.NOT_MEASURED
        and bool(open_)
        and all(finding.reason is Reason.LATE for finding in open_)
        and not steps
        and not record.reason
        and not record.leftovers
    )
