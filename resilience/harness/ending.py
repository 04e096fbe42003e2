"""The end of a session: reports, the summary, the exit code."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from resilience.harness import SESSION, exits, telling
from resilience.harness.signals import TERMINATED
from resilience.model.verdict import Outcome

if TYPE_CHECKING:
    from resilience.harness.session import Session


def finish(session: pytest.Session, exitstatus: int) -> None:
    """Write the reports, set the exit code."""
    ours = session.config.stash[SESSION]
    if ours.signals.interrupted == "SIGTERM":
        session.exitstatus = TERMINATED
    missing = False
    try:
        ours.files = _written(ours)
    except OSError as error:
        ours.files = [f"the report could not be written: {error}"]
        missing = True
    failed = telling.failed_nodes(session.config)
    others = bool(failed - set(ours.outcomes))
    session.exitstatus = exits.code(int(session.exitstatus), ours.outcomes.values(), others)
    if missing and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = exits.OWN[Outcome.HARNESS_ERROR]  # what was asked for is not there


def _written(ours: Session) -> list[str]:
    """Lines that say where the report lies. OSError when it cannot be written."""
    directory = ours.settings.report_directory
    if directory is None or not ours.records:
        return []
    from resilience import report

    step = os.environ.get("GITHUB_STEP_SUMMARY")
    paths = report.write(ours.records, directory, step_summary=Path(step) if step else None)
    return [f"report: {paths.html}", f"        {paths.json}"]


def summarise(reporter: Any, config: pytest.Config) -> None:
    """One table of all scenarios, and where the report lies."""
    ours = config.stash[SESSION]
    if ours.records:
        telling.summary(reporter, ours.records, ours.files)
