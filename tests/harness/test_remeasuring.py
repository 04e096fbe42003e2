"""One attempt or two, and which of them decides."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from resilience.harness import remeasuring
from resilience.model.report import RunRecord
from resilience.model.verdict import Outcome
from resilience.verbs.context import Refused
from tests.engine.evidence.test_lateness import FAILED, LATE, PASSED, ended, finding

ROOT = Path(__file__).parents[2]


class Attempts:
    """Runs as they would end, one after the other."""

    def __init__(self, *outcomes: RunRecord | Exception) -> None:
        self.left = list(outcomes)
        self.records: list[RunRecord] = []
        self.said: list[str] = []

    def run(self, *, interrupted: bool = False) -> RunRecord:
        return remeasuring.run(self._next, self.records, self.said.append, lambda: interrupted)

    def _next(self) -> RunRecord:
        each = self.left.pop(0)
        if isinstance(each, Exception):
            raise each
        return each


def test_the_second_run_decides_and_both_are_kept_and_name_each_other() -> None:
    attempts = Attempts(ended(LATE), ended(finding(PASSED), outcome=Outcome.PASSED, run="b"))
    assert attempts.run().outcome is Outcome.PASSED
    first, second = attempts.records
    assert (first.run, first.again, first.outcome) == ("a", "b", Outcome.NOT_MEASURED)
    assert (second.run, second.before, second.again) == ("b", "a", "")
    assert "measured once more" in attempts.said[0]


def test_there_is_no_third_run() -> None:
    attempts = Attempts(ended(LATE), ended(LATE, run="b"), ended(LATE, run="c"))
    assert attempts.run().run == "b"
    assert len(attempts.left) == 1


def test_a_failure_is_never_repeated() -> None:
    attempts = Attempts(ended(LATE, finding(FAILED), outcome=Outcome.SERVICE_FAILED), ended())
    assert attempts.run().outcome is Outcome.SERVICE_FAILED
    assert len(attempts.records) == 1


def test_after_a_signal_nothing_is_repeated() -> None:
    attempts = Attempts(ended(LATE), ended(LATE, run="b"))
    assert attempts.run(interrupted=True).run == "a"
    assert len(attempts.left) == 1


def test_a_second_run_that_is_refused_leaves_the_first_as_it_was() -> None:
    attempts = Attempts(ended(LATE), Refused("the window is closed"))
    assert attempts.run().outcome is Outcome.NOT_MEASURED
    [only] = attempts.records
    assert only.again == ""
    assert "the window is closed" in attempts.said[-1]


def measured(scenario: str, plugin: str, report: Path) -> tuple[int, Any, Any]:
    """The exit code and both runs of a scenario that is measured once more."""
    wanted: list[str | Path] = [ROOT / f"{scenario}.scenario.yaml", "-q"]
    plugins: list[str | Path] = ["-p", "no:randomly", "-p", f"tests.harness.{plugin}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *wanted, *plugins, "--resilience-report", report],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")},
        timeout=400,
    )
    assert "the scenario is measured once more" in done.stdout, done.stdout
    first, second = json.loads((report / "report.json").read_text())["runs"]
    return done.returncode, first, second


def test_a_prober_that_was_stopped_costs_one_more_run_and_no_verdict(tmp_path: Path) -> None:
    """Where this machine is too busy for the second run as well, that one is not measured."""
    code, first, second = measured("scenarios/lose-one-pod", "stopper", tmp_path)
    assert (first["outcome"], first["again"], first["before"]) == (
        "not measured", second["run"], "")  # fmt: skip
    open_ = [each for each in first["findings"] if each["result"] != "passed"]
    assert {each["reason"] for each in open_} == {"prober late"}
    assert first["leftovers"] == []
    assert second["before"] == first["run"]
    assert code == {"passed": 0, "not measured": 21}[second["outcome"]]


def test_a_slow_service_whose_pods_waited_is_not_blamed_and_measured_once_more(
    tmp_path: Path,
) -> None:
    """The readings of the sandbox reach the verdict: the same scenario fails without them."""
    code, first, second = measured("tests/zoo/services/slow-answers", "starver", tmp_path)
    assert (first["outcome"], first["again"]) == ("not measured", second["run"])
    for run in (first, second):
        open_ = {each["name"]: each["reason"] for each in run["findings"]
                 if each["result"] != "passed"}  # fmt: skip
        assert open_.get("web.p95") == "Pods waited for a CPU"
    assert "for a CPU that other programs used" in second["message"]
    assert code == 21
