"""The end of a session: reports, the summary, the exit code."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.harness import SESSION, exits, telling
from resilience.harness.signals import TERMINATED


def finish(session: pytest.Session, exitstatus: int) -> None:
    """Set the exit code."""
    ours = session.config.stash[SESSION]
    if ours.signals.interrupted == "SIGTERM":
        session.exitstatus = TERMINATED
    failed = telling.failed_nodes(session.config)
    others = bool(failed - set(ours.outcomes))
    session.exitstatus = exits.code(int(session.exitstatus), ours.outcomes.values(), others)


def summarise(reporter: Any, config: pytest.Config) -> None:
    """One table of all scenarios, and where the report lies."""
    ours = config.stash[SESSION]
    if ours.records:
        telling.summary(reporter, ours.records, ours.settings.report_directory)
