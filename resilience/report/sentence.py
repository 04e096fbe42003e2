"""The outcome of a run in one sentence, for the head of a report. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from resilience.model.finding import Finding, Result
from resilience.model.report import RunRecord
from resilience.model.verdict import Outcome
from resilience.model.words import many
from resilience.report import wording
from resilience.report.cause import cause


def sentence(record: RunRecord) -> str:
    """`The service kept all 4 promises: availability 99.6%; ...`."""
    if record.outcome is Outcome.PASSED:
        return _kept(record.findings)
    why = cause(record)
    if record.outcome is Outcome.SERVICE_FAILED:
        return f"{_counted(record.findings, Result.FAILED, 'were broken', 'was broken')}: {why}."
    if record.outcome is Outcome.NOT_MEASURED and record.findings:
        counted = _counted(record.findings, Result.NOT_MEASURED, "were not measured",
                           "was not measured")  # fmt: skip
        more = " The scenario was measured once more." if record.again else ""
        return f"{counted}: {why}.{more}"
    return f"{record.outcome.value.capitalize()}: {why}." if why else ""


def _kept(findings: Sequence[Finding]) -> str:
    if not findings:
        return "Every step succeeded; no number was promised."
    if len(findings) == 1:
        return f"The promise was kept: {wording.kept(findings)[0]}."
    return f"All {len(findings)} promises were kept: {'; '.join(wording.kept(findings))}."


def _counted(findings: Sequence[Finding], result: Result, several: str, one: str) -> str:
    """`2 of 4 promises were broken`; without any, a step failed."""
    found = sum(finding.result is result for finding in findings)
    if not found:
        return "A step failed"
    if len(findings) == 1:
        return f"The promise {one}"
    return f"{found} of {many(len(findings), 'promise')} {one if found == 1 else several}"
