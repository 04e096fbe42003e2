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
    """`All 4 objectives were met: availability 99.6%; ...`."""
    if record.outcome is Outcome.PASSED:
        return _kept(record.findings)
    why = cause(record)
    if record.outcome is Outcome.SERVICE_FAILED:
        counted = _counted(record.findings, Result.FAILED, "were missed", "was missed")
        return f"{counted or _without_a_finding(record)}: {why}."
    if record.outcome is Outcome.NOT_MEASURED and record.findings:
        counted = _counted(record.findings, Result.NOT_MEASURED, "were not measured",
                           "was not measured") or _without_a_finding(record)  # fmt: skip
        more = " The scenario was measured once more." if record.again else ""
        return f"{counted}: {why}.{more}"
    return f"{record.outcome.value.capitalize()}: {why}." if why else ""


def _kept(findings: Sequence[Finding]) -> str:
    if not findings:
        return "Every step succeeded; no objective was set."
    if len(findings) == 1:
        return f"The objective was met: {wording.kept(findings)[0]}."
    every = "Both" if len(findings) == 2 else f"All {len(findings)}"
    return f"{every} objectives were met: {'; '.join(wording.kept(findings))}."


def _counted(findings: Sequence[Finding], result: Result, several: str, one: str) -> str:
    """`2 of 4 objectives were missed`; "" without any."""
    found = sum(finding.result is result for finding in findings)
    if not found:
        return ""
    if len(findings) == 1:
        return f"The objective {one}"
    return f"{found} of {many(len(findings), 'objective')} {one if found == 1 else several}"


def _without_a_finding(record: RunRecord) -> str:
    """A step failed; in a Python test, which does not list steps beforehand, possibly an
    assertion."""
    failed = any(step.result is not Result.PASSED for step in record.steps)
    return "A step failed" if failed or record.scenario.mutates else "The test failed"
