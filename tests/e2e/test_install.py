"""A user's first minute: plain pip resolves and installs the package in an empty environment."""

from __future__ import annotations

import subprocess
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HUNG = 1200
"""Seconds: a resolver that has to try version after version may take hours."""
SEARCHING = "is looking at multiple versions"
"""What pip says as soon as a requirement has no version that fits at once."""


@dataclass(frozen=True)
class Environment:
    """A new one, with the package built and installed from source, and what pip said."""

    bin: Path
    said: str


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("empty") / "venv"
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
    done = subprocess.run(
        [*pip, str(ROOT)], capture_output=True, text=True, timeout=HUNG, check=True
    )
    return Environment(folder / "bin", done.stdout + done.stderr)


@pytest.fixture
def environment(installed: Environment) -> Path:
    return installed.bin


def test_pip_installs_the_command(environment: Path) -> None:
    shown = subprocess.run(
        [environment / "resilience", "--version"], check=True, capture_output=True, text=True
    )
    assert shown.stdout.startswith("resilience 0.")


def test_pip_finds_versions_that_fit_without_a_search(installed: Environment) -> None:
    assert "Successfully installed" in installed.said
    assert SEARCHING not in installed.said


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
