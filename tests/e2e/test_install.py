"""A user's first minute: plain pip resolves and installs the package in an empty environment."""

from __future__ import annotations

import subprocess
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TWO_MINUTES = 120
"""A resolver that has to search (a bad range) takes many minutes; a good one takes seconds."""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a new environment with the package built and installed from source."""
    folder = tmp_path_factory.mktemp("empty") / "venv"
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", str(ROOT)]
    subprocess.run(pip, check=True, timeout=TWO_MINUTES)
    return folder / "bin"


def test_pip_resolves_and_installs_within_two_minutes(environment: Path) -> None:
    shown = subprocess.run(
        [environment / "resilience", "--version"], check=True, capture_output=True, text=True
    )
    assert shown.stdout.startswith("resilience 0.")


def test_no_installed_distribution_contradicts_another(environment: Path) -> None:
    checked = subprocess.run(
        [environment / "python", "-m", "pip", "check"], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout


def test_pytest_finds_the_plugin_and_the_sandbox_is_inside_the_wheel(
    environment: Path, tmp_path: Path
) -> None:
    (tmp_path / "one.scenario.yaml").write_text("scenario: nothing\nwhem: []\n")
    shown = subprocess.run(
        [environment / "pytest", "--collect-only", tmp_path], capture_output=True, text=True
    )
    assert "one.scenario.yaml:2:1" in shown.stdout
    assert "did you mean `when`?" in shown.stdout
    sandbox = [str(environment / "resilience"), "sandbox", "status"]
    assert subprocess.run(sandbox, capture_output=True).returncode == 0
