"""The end of a session: reports, the summary, the exit code."""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from resilience.engine.base.defect import defect
from resilience.harness import SESSION, exits, naming, output, run_settings
from resilience.harness.signals import exit_code
from resilience.model.masks import shown
from resilience.model.verdict import Outcome
from resilience.publish.places import Unpublished

if TYPE_CHECKING:
    from resilience.harness.session import Session


def finish(session: pytest.Session, exitstatus: int) -> None:
    """Write the reports, set the exit code. A worker has sent its results to the controller."""
    if hasattr(session.config, "workerinput"):
        return
    ours = session.config.stash[SESSION]
    if (ended := exit_code(ours.signals.interrupted)) is not None:
        session.exitstatus = ended
    missing = False
    try:
        ours.files = _written(ours)
    except Exception as error:  # noqa: BLE001  the results are shown all the same
        why = str(error) if isinstance(error, OSError) else defect("the report", error)
        written = error.lines if isinstance(error, Unpublished) else []
        ours.files = [*written, shown(f"the report could not be written: {why}")]
        missing = True
    _correct_junit(session.config, ours)
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
        session.exitstatus = exits.OWN[
            Outcome.HARNESS_ERROR
        ]  # because the requested report does not exist


def _correct_junit(config: pytest.Config, ours: Session) -> None:
    """pytest's hook comes before ours and has written its file."""
    named = config.getoption("xmlpath", None)
    if not named or not Path(named).is_file():
        return
    from resilience.report.machine import junit_errors

    try:
        junit_errors.corrected(Path(named))
    except OSError as error:
        ours.files = [*ours.files, shown(f"{named} keeps `failure` for all: {error}")]


def _written(ours: Session) -> list[str]:
    """Lines that name the report. Raises OSError when the report cannot be written."""
    if not ours.records:
        return []
    from resilience.publish import places

    publishing = places.Session(
        settings=ours.settings,
        environment=os.environ,
        now=datetime.now(UTC),
        mark=secrets.token_hex(3),
    )
    return places.publish(ours.records, publishing)


def explain(reporter: Any, config: pytest.Config) -> None:
    """Why nothing was collected from the paths that were typed."""
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        return
    here, settings = config.invocation_params.dir, run_settings.settings(config)
    paths = [here / each.partition("::")[0] for each in config.args]
    for line in naming.hints(paths, (*settings.scenarios, *settings.plans), here):
        reporter.write_line(shown(f"resilience: {line}"))


def summarise(reporter: Any, config: pytest.Config) -> None:
    """One table of all scenarios, and the report's path."""
    ours = config.stash[SESSION]
    if ours.left:
        reporter.section("left by runs that died")
        for line in ours.left:
            reporter.write_line(line)
    if ours.records:
        output.summary(reporter, ours.records, ours.files)
