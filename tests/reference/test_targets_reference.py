"""The page about targets says what the code reads."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from resilience.config.target_keys import KEYS
from resilience.config.targets import load
from resilience.reference import targets_reference

DOCS = Path(__file__).parents[2] / "docs/reference"


def test_the_page_in_the_repository_is_the_generated_one() -> None:
    """Regenerate with: python -m resilience.reference.options_reference docs/reference"""
    assert (DOCS / targets_reference.NAME).read_text() == targets_reference.text()


@pytest.mark.parametrize("name", sorted(KEYS))
def test_an_example_is_a_value_that_is_read(tmp_path: Path, name: str) -> None:
    written = {key: KEYS[key].example for key in ("context", "cluster", name)}
    lines = "".join(f"{key} = {value}\n" for key, value in written.items())
    (tmp_path / "resilience.toml").write_text(f"[targets.x]\n{lines}")
    [target] = load(tmp_path)
    assert tomllib.loads(lines)["context"] == target.context == "staging"
