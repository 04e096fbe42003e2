"""Plugins and options that repeat, reorder or stop tests, as they are: none hides a failed run."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from resilience.harness import exits
from resilience.model.verdict import Outcome
from tests.harness.conftest import Run, plain
from tests.harness.sandboxed import INSTALLED

FAILS = plain("it fails").replace("ready: all", "ready: deployment/none")
UNKNOWN = exits.code(1, [Outcome.NOT_MEASURED], others_failed=False)
"""A workload that does not exist says nothing of the service."""
PYTHON = """
def test_it(resilience):
    resilience.sleep("10ms")
    resilience.ready("deployment/none", within="1ms")
"""
RETRIES = {
    "pytest_retry": ("-p", "no:flaky", "--retries=3"),
    "flaky": ("-p", "no:pytest-retry", "--force-flaky", "--max-runs=3"),
}
"""Each without the other: both read the mark `flaky`, with other arguments."""

LOADED = [name for name in RETRIES if importlib.util.find_spec(name)]


@pytest.fixture(autouse=True)
def _failing(pytester: pytest.Pytester) -> None:
    (pytester.path / "a.scenario.yaml").write_text(FAILS)


@pytest.mark.parametrize("plugin", LOADED)
@pytest.mark.parametrize("python", [False, True], ids=["yaml", "python"])
def test_a_retry_hides_no_failed_run(
    pytester: pytest.Pytester, run: Run, plugin: str, python: bool
) -> None:
    if python:
        (pytester.path / "a.scenario.yaml").unlink()
        pytester.makepyfile(PYTHON)
    result = run(*RETRIES[plugin])
    assert result.ret == UNKNOWN, result.stdout.str()
    result.assert_outcomes(failed=1)


def test_a_debugger_without_input_is_no_pass(pytester: pytest.Pytester) -> None:
    """`--trace` meets the end of its input before the first step, `--pdb` after the failure."""
    (pytester.path / "a.scenario.yaml").write_text(plain())
    assert _without_input(pytester.path, "--trace").returncode == exits.code(
        1, [Outcome.NOT_MEASURED], False
    )
    (pytester.path / "a.scenario.yaml").write_text(FAILS)
    ended = _without_input(pytester.path, "--pdb")
    assert ended.returncode not in (0, 5)
    assert "1 failed" in ended.stdout


def _without_input(folder: Path, option: str) -> subprocess.CompletedProcess[str]:
    ours = [] if INSTALLED else ["-p", "resilience.plugin"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *ours, option], cwd=folder, input="", text=True,
        capture_output=True, check=False, timeout=300, env=dict(os.environ),
    )  # fmt: skip


def test_what_failed_runs_again_alone_and_fails_again(pytester: pytest.Pytester, run: Run) -> None:
    (pytester.path / "b.scenario.yaml").write_text(FAILS.replace("it fails", "it fails too"))
    first = run("-x", "-p", "no:randomly")
    first.assert_outcomes(failed=1)
    again = run("--lf")
    again.assert_outcomes(failed=1)
    assert "a.scenario.yaml::it-fails" in again.stdout.str()
    assert again.ret == UNKNOWN


def test_any_order_gives_the_same_verdicts(pytester: pytest.Pytester, run: Run) -> None:
    pytest.importorskip("pytest_randomly")
    (pytester.path / "b.scenario.yaml").write_text(FAILS.replace("it fails", "it fails too"))
    for seed in ("1", "2"):
        run(f"--randomly-seed={seed}").assert_outcomes(failed=2)
