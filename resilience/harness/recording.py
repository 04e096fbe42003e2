"""The record that a run leaves in the session, the same for a scenario and a test in Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from resilience.harness import SESSION, output

if TYPE_CHECKING:
    import pytest

    from resilience.model.report import RunRecord
    from resilience.model.timeline import Entry
    from resilience.model.verdict import Outcome


def never_began(item: pytest.Item, outcome: Outcome) -> None:
    """The outcome of an item without a record, for the exit code and for JUnit."""
    item.config.stash[SESSION].outcomes[item.nodeid] = outcome
    item.user_properties.append(("resilience.outcome", outcome.value))


def keep(item: pytest.Item, record: RunRecord) -> None:
    """The outcome for the exit code, the properties for JUnit, and the hooks."""
    item.config.stash[SESSION].outcomes[item.nodeid] = record.outcome
    item.user_properties.extend(output.properties(record))
    for finding in record.findings:
        item.ihook.pytest_resilience_finding(item=item, finding=finding)
    item.ihook.pytest_resilience_run_finished(item=item, record=record)


def show_steps(item: pytest.Item, entries: Sequence[Entry], started: float) -> None:
    """The timeline as a section under a failure, unless it was printed live."""
    whole = item.config.get_verbosity() >= 2
    if whole or not output.shows_steps(item.config):
        text = output.timeline(entries, started, whole=whole)
        item.add_report_section("call", "timeline", text)
