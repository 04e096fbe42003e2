"""Where a project begins: the same place for pytest and for the command."""

from __future__ import annotations

from pathlib import Path

import pytest

from resilience.config.root import project_root


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    folder = tmp_path / "repo" / "team" / "scenarios"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pytest.ini", ""),
        ("pytest.toml", ""),
        ("pyproject.toml", "[tool.pytest.ini_options]\n"),
        ("tox.ini", "[pytest]\n"),
        ("setup.cfg", "[tool:pytest]\n"),
        ("pyproject.toml", "[project]\n"),
        ("resilience.toml", ""),
        ("setup.py", ""),
    ],
)
def test_it_is_the_nearest_folder_above_that_says_so(deep: Path, name: str, text: str) -> None:
    repo = deep.parents[1]
    (repo / name).write_text(text)
    assert project_root(deep) == repo
    (deep.parent / name).write_text(text)
    assert project_root(deep) == deep.parent


def test_a_configuration_of_pytest_above_goes_before_the_top_of_a_project(deep: Path) -> None:
    (deep.parents[1] / "pytest.ini").write_text("")
    (deep.parent / "pyproject.toml").write_text("[project]\n")
    assert project_root(deep) == deep.parents[1]


def test_without_any_of_them_it_is_where_one_stands(deep: Path) -> None:
    found = project_root(deep)
    assert found == deep or deep.is_relative_to(found)  # the machine's own folders may have some
    assert project_root(Path("/")) == Path("/")
