"""What is measured once more: a run that a busy machine alone kept from a verdict."""

from __future__ import annotations

from dataclasses import replace

import pytest

from resilience.engine.evidence.lateness import only_busy
from resilience.model.report import RunRecord
from resilience.model.values import RunId
from resilience.model.verdict import Finding, Kind, Outcome, Reason, Result
from tests.report.made import record

PASSED, FAILED, NOT = Result.PASSED, Result.FAILED, Result.NOT_MEASURED


def finding(result: Result, reason: Reason | None = None) -> Finding:
    return Finding(name="web.availability", kind=Kind.AVAILABILITY, result=result, reason=reason)


LATE = finding(NOT, Reason.LATE)
WAITED = finding(NOT, Reason.WAITED)


def ended(*findings: Finding, outcome: Outcome = Outcome.NOT_MEASURED, run: str = "a") -> RunRecord:
    made = record(broken=False)
    return replace(made, findings=findings, outcome=outcome, message="", run=RunId(run))


def test_a_late_prober_alone_is_measured_once_more() -> None:
    assert only_busy(ended(finding(PASSED), LATE))


def test_pods_that_waited_for_a_cpu_are_measured_once_more_too() -> None:
    assert only_busy(ended(finding(PASSED), WAITED))
    assert only_busy(ended(WAITED, LATE))


@pytest.mark.parametrize(
    "other",
    [
        ended(LATE, finding(FAILED), outcome=Outcome.SERVICE_FAILED),
        ended(WAITED, finding(FAILED), outcome=Outcome.SERVICE_FAILED),
        ended(LATE, finding(NOT, Reason.TOO_FEW)),
        ended(LATE, finding(NOT, Reason.ENDED)),
        ended(finding(PASSED)),
        ended(finding(PASSED), outcome=Outcome.PASSED),
        ended(LATE, outcome=Outcome.INTERRUPTED),
        replace(ended(LATE), reason="checkout: not steady"),
        replace(ended(LATE), leftovers=("Namespace shop",)),
        replace(ended(LATE), steps=[replace(record().steps[0], result=FAILED)]),
    ],
)
def test_anything_else_is_not_repeated(other: RunRecord) -> None:
    assert not only_busy(other)


def test_an_optional_step_that_failed_is_no_reason_against_it() -> None:
    step = replace(record().steps[0], result=FAILED, optional=True)
    assert only_busy(replace(ended(LATE), steps=[step]))
