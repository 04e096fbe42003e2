"""The end of a session: reports, the summary, the exit code."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from resilience.engine.base.defect import defect
from resilience.harness import SESSION, exits, output
from resilience.harness.signals import exit_code
from resilience.model.masks import shown
from resilience.model.verdict import Outcome

if TYPE_CHECKING:
    from resilience.harness.session import Session


def finish(session: pytest.Session, exitstatus: int) -> None:
    """Write the reports, set the exit code."""
    ours = session.config.stash[SESSION]
    if (ended := exit_code(ours.signals.interrupted)) is not None:
        session.exitstatus = ended
    missing = False
    try:
        ours.files = _written(ours)
    except Exception as error:  # noqa: BLE001  the results are shown all the same
        why = str(error) if isinstance(error, OSError) else defect("the report", error)
        ours.files = [shown(f"the report could not be written: {why}")]
        missing = True
    failed = output.nodes(session.config, "failed", "error")
    others = bool(failed - set(ours.outcomes))
    if ours.left:
        ours.outcomes["what dead runs left"] = Outcome.UNDO_INCOMPLETE
    expected = output.nodes(session.config, "xfailed")
    outcomes = [
        outcome
        for node, outcome in ours.outcomes.items()
        if node not in expected or outcome is Outcome.UNDO_INCOMPLETE
    ]
    session.exitstatus = exits.code(int(session.exitstatus), outcomes, others)
    if missing and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = exits.OWN[Outcome.HARNESS_ERROR]  # the requested report does not exist


def _written(ours: Session) -> list[str]:
    """Lines that name the report. OSError when it cannot be written."""
    settings = ours.settings
    if not ours.records or not (settings.report_directory or settings.metrics_file):
        return []
    from resilience import report

    lines = []
    if settings.report_directory:
        step = os.environ.get("GITHUB_STEP_SUMMARY")
        paths = report.write(
            ours.records, settings.report_directory, step_summary=Path(step) if step else None
        )
        lines += [f"report: {paths.html}", f"        {paths.json}"]
    if settings.metrics_file:
        report.write_metrics(ours.records, settings.metrics_file)
        lines.append(f"metrics: {settings.metrics_file}")
    return lines


def summarise(reporter: Any, config: pytest.Config) -> None:
    """One table of all scenarios, and the report's path."""
    ours = config.stash[SESSION]
    if ours.left:
        reporter.section("left by runs that died")
        for line in ours.left:
            reporter.write_line(line)
    if ours.records:
        output.summary(reporter, ours.records, ours.files)
