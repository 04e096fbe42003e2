"""Whoever names a file or a folder from which nothing is collected is told why."""

from __future__ import annotations

from pathlib import Path

import pytest

from resilience.config.options import PLANS, SCENARIOS
from resilience.harness.naming import hints, none_below
from tests.real_cluster import called, resilience

GLOBS = (*SCENARIOS, *PLANS)
SCENARIO = "# a licence\nscenario: s\nwhen: [{sleep: 1s}]\n"
MANIFEST = "apiVersion: v1\nkind: ConfigMap\n"


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    for name, text in (
        ("lab/lose.yaml", SCENARIO),
        ("lab/deep/plan.yml", "plan: p\n"),
        ("lab/m.yaml", MANIFEST),
        ("lab/.venv/hidden.yaml", SCENARIO),
        ("good/lose.scenario.yaml", SCENARIO),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("lab", ["lab/deep/plan.yml begins like", "lab/lose.yaml begins like"]),
        ("lab/m.yaml", ["lab/m.yaml is neither a scenario nor a plan; expected `scenario: TITLE`"]),
        ("lab/lose.yaml", []),
        ("good", []),
        ("nowhere.yaml", []),
    ],
)
def test_what_was_meant_for_us_is_named(desk: Path, path: str, named: list[str]) -> None:
    found = list(hints([desk / path], GLOBS, desk))
    assert [line[: len(start)] for line, start in zip(found, named, strict=True)] == named


def test_a_folder_without_scenarios_is_named(desk: Path) -> None:
    found = list(none_below([desk / "lab", desk / "good"], GLOBS, desk))
    assert found == [f"no file in lab is named like {' or '.join(GLOBS)}"]


def test_pytest_says_it_below_its_own_message(desk: Path) -> None:
    done = called(desk, "-m", "pytest", "-p", "no:cacheprovider", "lab/m.yaml")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "resilience: lab/m.yaml is neither a scenario nor a plan" in done.stdout


def test_run_says_it_of_a_folder(desk: Path) -> None:
    done = resilience(desk, "run", "lab", "-p", "no:cacheprovider")
    assert done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED
    assert "resilience: lab/lose.yaml begins like a scenario or plan, but its name" in done.stdout
    assert "error: no file in lab is named like *.scenario.yaml or " in done.stdout


def test_a_project_of_others_sees_nothing(desk: Path) -> None:
    done = called(desk / "lab", "-m", "pytest", "-p", "no:cacheprovider")
    assert done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED
    assert "resilience: " not in done.stdout
