"""Workers that die one after another: pytest-xdist replaces them, and nothing hangs or repeats.

Rebuilt from reports about xdist's own scheduler by scope: it hung when a worker was replaced
(pytest-xdist 784, 1323), and gave the deadly test to each replacement (1371).
"""

from __future__ import annotations

import pytest

from tests.harness.conftest import Run, plain
from tests.harness.distributed.test_several_workers import report, write

pytest.importorskip("xdist")

DEADLY = """
import os, signal

def pytest_resilience_run_started(item, scenario):
    with open("begun", "a") as file:
        file.write(scenario.id + "\\n")
    if scenario.id.startswith("deadly"):
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_each_scenario_begins_once_though_every_other_kills_its_only_worker(
    pytester: pytest.Pytester, run: Run, on_sandbox: None
) -> None:
    pytester.makeconftest(DEADLY)
    names = ("a", "deadly-b", "c", "deadly-d", "e")
    for name in names:
        write(pytester, name, plain(name))
    result = run("-n1", "-p", "no:randomly", "--resilience-report", "out")
    result.assert_outcomes(passed=3, failed=2)
    assert sorted((pytester.path / "begun").read_text().split()) == sorted(names)
    assert {each["scenario"]["id"]: each["outcome"] for each in report(pytester.path)} == {
        name: "interrupted" if "deadly" in name else "passed" for name in names
    }
    assert result.ret == 25
