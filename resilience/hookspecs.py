"""The hooks that this plugin offers to a conftest or another plugin.

A hook is called for what happened, never asked for permission; its return value is ignored. An
exception in it ends the test as any other exception in a hook does, after everything is undone.
These signatures are a versioned interface.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from resilience.model.report import RunRecord
    from resilience.model.scenario import Scenario
    from resilience.model.verdict import Finding


@pytest.hookspec
def pytest_resilience_run_started(item: pytest.Item, scenario: Scenario) -> None:
    """A scenario is about to run: consent was given, nothing has been changed yet.

    :param item: the pytest item of the scenario.
    :param scenario: what will run, with its title, namespace and steps.
    """


@pytest.hookspec
def pytest_resilience_finding(item: pytest.Item, finding: Finding) -> None:
    """One named result of a probe or a check, after the run; called once for each, in order.

    :param item: the pytest item of the scenario.
    :param finding: name, result, what was promised and measured, as data.
    """


@pytest.hookspec
def pytest_resilience_run_finished(item: pytest.Item, record: RunRecord) -> None:
    """A scenario ended and everything was undone, whatever the outcome.

    :param item: the pytest item of the scenario.
    :param record: what report.json holds of this run.
    """
