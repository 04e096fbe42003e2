"""The hooks that the plugin offers are called once each, in order, with what happened."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.harness.conftest import Run, plain

RECORDER = """\
import json

def write(*parts):
    with open("hooks.jsonl", "a") as file:
        print(json.dumps(parts), file=file)

def pytest_resilience_run_started(item, scenario):
    write("started", item.name, scenario.title)

def pytest_resilience_finding(item, finding):
    write("finding", item.name, finding.name)

def pytest_resilience_run_finished(item, record):
    write("finished", item.name, record.outcome.value)
"""


def called(folder: Path) -> list[list[str]]:
    file = folder / "hooks.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.mark.usefixtures("on_sandbox")
def test_a_run_calls_started_findings_and_finished(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makeconftest(RECORDER)
    (pytester.path / "a.scenario.yaml").write_text(plain("calm"))
    run("a.scenario.yaml").assert_outcomes(passed=1)
    calls = called(pytester.path)
    assert calls[0] == ["started", "calm", "calm"]
    assert calls[-1] == ["finished", "calm", "passed"]
    assert {kind for kind, *_ in calls[1:-1]} <= {"finding"}


@pytest.mark.usefixtures("on_sandbox")
def test_a_dry_run_calls_none(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makeconftest(RECORDER)
    (pytester.path / "a.scenario.yaml").write_text(plain("calm"))
    run("a.scenario.yaml", "--resilience-dry-run")
    assert called(pytester.path) == []


@pytest.mark.usefixtures("on_sandbox")
def test_a_test_in_python_calls_the_same(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makeconftest(RECORDER)
    pytester.makepyfile("def test_it(resilience): assert 1 == 2")
    run().assert_outcomes(failed=1)
    assert called(pytester.path) == [
        ["started", "test_it", "test_it"],
        ["finished", "test_it", "service failed"],
    ]
