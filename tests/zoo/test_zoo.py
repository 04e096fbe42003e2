"""Services that hold and services with one known defect each, as a user runs them.

A tool whose verdicts are doubted is worth nothing: a round is one `pytest` over the scenarios
shipped, one over the zoo, and every verdict and reason has to be right. `make zoo` runs all and
prints the confusion matrix. `make test` runs a sample: the six that the zoo began with, and those
that end within seconds; the others differ in their defect, not in how they are judged.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.zoo.busy import busy
from tests.zoo.conftest import MATRIX, chosen
from tests.zoo.expected import HOLD, SERVICES, services, wrong

pytestmark = pytest.mark.alone

ROOT = Path(__file__).parents[2]
ALL = services()


def runs(files: Sequence[Path], report: Path, config: pytest.Config) -> dict[str, Any]:
    """The report's runs by scenario id."""
    there: list[str | Path] = ["-m", "pytest", *files, "-q", "-p", "no:randomly"]
    if (workers := config.getoption("--zoo-workers")) > 1:
        there += ["-n", str(workers)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    with busy(config.getoption("--zoo-busy")):
        done = subprocess.run(
            [sys.executable, *there, "--resilience-report", report],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120 + 90 * len(files),
        )
    written = report / "report.json"
    assert written.exists(), done.stdout + done.stderr
    ended = json.loads(written.read_text())["runs"]
    assert len(ended) >= len(files), f"it ended early: {done.stdout}{done.stderr}"
    return {run["scenario"]["id"]: run for run in ended if not run["again"]}


@pytest.fixture(scope="module")
def held(
    zoo_round: int, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """One round over the scenarios that are shipped."""
    files = [ROOT / "scenarios" / f"{name}.scenario.yaml" for name in HOLD]
    return runs(files, tmp_path_factory.mktemp("hold"), request.config)


@pytest.fixture(scope="module")
def seen(
    zoo_round: int, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """One round over the zoo, or over its sample."""
    files = [ALL[name].scenario for name in chosen(request.config)]
    return runs(files, tmp_path_factory.mktemp("zoo"), request.config)


@pytest.mark.parametrize("name", HOLD)
def test_a_service_that_holds_is_passed(held: dict[str, Any], name: str) -> None:
    run = held[name]
    MATRIX.add(name, "passed", run["outcome"], run["message"])
    assert (run["outcome"], run["message"]) == ("passed", "")
    assert {finding["result"] for finding in run["findings"]} == {"passed"}


def test_each_service_gets_its_verdict_for_its_own_reason(
    seen: dict[str, Any], zoo_service: str
) -> None:
    service = ALL[zoo_service]
    run = seen[service.run]
    found = wrong(service, run)
    MATRIX.add(service.name, service.outcome, run["outcome"], "; ".join(found))
    assert found == []


def test_every_service_is_expected_and_every_expectation_has_a_service() -> None:
    files = {path.name.split(".")[0] for path in SERVICES.glob("*.yaml")}
    assert files == set(ALL)
    assert len(ALL) + len(HOLD) >= 40
