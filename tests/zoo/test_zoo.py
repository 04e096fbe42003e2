"""Five services that hold and six that must fail, each for its own reason, as a user runs them.

A tool whose verdicts are doubted is worth nothing: a round is one `pytest` over the scenarios
shipped, one over the services that must fail, and every verdict and reason has to be right.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.alone

ROOT = Path(__file__).parents[2]
SERVICES = Path(__file__).parent / "services"
HOLD = (
    "crash-one-pod", "lose-a-third-at-once", "lose-one-pod", "rolling-restart", "scale-under-load",
)  # fmt: skip

REFUSED = {"connection refused", "connection reset"}
"""Nobody listens behind the address. A forwarder may have to accept before it can know that."""

CUT = {"connection reset", "not HTTP"}
"""The process ended with the request under way."""

FAIL: Mapping[str, tuple[set[str], set[str]]] = {
    "single": ({"web.availability", "web.longest_outage"}, REFUSED),
    "slow-start": ({"web.availability"}, REFUSED),
    "no-drain": ({"web.availability"}, CUT),
    "all-at-once": ({"web.availability", "web.longest_outage"}, REFUSED),
    "lying": ({"web.availability"}, {"wrong status"}),
    "slow-answers": ({"web.p95"}, set()),
}
"""Per service: the findings that must fail, and what the bad answers must have been."""


def runs(folder: Path, report: Path) -> dict[str, Any]:
    """The report's runs by scenario id."""
    there: list[str | Path] = ["-m", "pytest", folder, "-q", "-p", "no:randomly"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, *there, "--resilience-report", report],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=400,
    )
    written = report / "report.json"
    assert written.exists(), done.stdout + done.stderr
    ended = json.loads(written.read_text())["runs"]
    return {run["scenario"]["id"]: run for run in ended if not run["again"]}


@pytest.fixture(scope="module")
def held(zoo_round: int, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One round over the scenarios that are shipped."""
    return runs(ROOT / "scenarios", tmp_path_factory.mktemp("hold"))


@pytest.fixture(scope="module")
def failed(zoo_round: int, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One round over the services that must fail."""
    return runs(SERVICES, tmp_path_factory.mktemp("fail"))


def bad_answers(run: Mapping[str, Any]) -> set[str]:
    """The kinds of bad answers that made up at least a tenth of all bad ones."""
    [probe] = run["probes"]
    bad = {kind: count for kind, count in probe["answers"].items() if kind != "good" and count}
    return {kind for kind, count in bad.items() if count * 10 >= sum(bad.values())}


@pytest.mark.parametrize("name", HOLD)
def test_a_service_that_holds_is_passed(held: dict[str, Any], name: str) -> None:
    run = held[name]
    assert (run["outcome"], run["message"]) == ("passed", "")
    assert {finding["result"] for finding in run["findings"]} == {"passed"}


@pytest.mark.parametrize("name", FAIL)
def test_a_service_that_fails_is_failed_for_its_own_reason(
    failed: dict[str, Any], name: str
) -> None:
    run = failed[name]
    findings, answers = FAIL[name]
    assert run["outcome"] == "service failed", run["message"]
    broken = {one["name"] for one in run["findings"] if one["result"] == "failed"}
    assert broken == findings
    assert bad_answers(run) <= answers


def test_the_zoo_leaves_nothing_out(held: dict[str, Any], failed: dict[str, Any]) -> None:
    assert set(held) >= set(HOLD)
    assert set(failed) == set(FAIL)
