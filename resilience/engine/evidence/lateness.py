"""Decides whether a busy machine is the only reason why a run has no verdict. Pure.

The prober was late, or the sandbox's Pods waited for a CPU that other programs used.

Such a run says nothing about the service, so a second run may give a verdict. A run in which
anything failed is never repeated: that would let chance overrule a failure.
"""

from __future__ import annotations

from resilience.model.report import RunRecord
from resilience.model.verdict import Outcome, Reason, Result

BUSY = frozenset({Reason.LATE, Reason.WAITED})


def only_busy(record: RunRecord) -> bool:
    """Whether the run was not measured, no step failed, and a busy machine is the only reason."""
    open_ = [finding for finding in record.findings if finding.result is not Result.PASSED]
    steps = [
        step for step in record.steps if step.result is not Result.PASSED and not step.optional
    ]
    return (
        record.outcome is Outcome.NOT_MEASURED
        and bool(open_)
        and all(finding.reason in BUSY for finding in open_)
        and not steps
        and not record.reason
        and not record.leftovers
    )
