"""How the tests are shared out among workers, and what holds in all of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from tests.conftest import LONGEST_FIRST, pytest_ignore_collect

ROOT = Path(__file__).parents[1]


def test_every_file_that_begins_first_is_there() -> None:
    assert [name for name in LONGEST_FIRST if not (ROOT / name).is_file()] == []
    assert len(set(LONGEST_FIRST)) == len(LONGEST_FIRST)


@pytest.mark.parametrize("asked", ["alone", "not alone", ""])
def test_only_files_that_name_the_mark_are_read_for_it(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    monkeypatch.setattr(pytestconfig.option, "markexpr", asked)
    zoo, page, other = "zoo/test_zoo.py", "e2e/test_docs.py", "zoo/test_pages.py"
    left_out = [
        name for name in (zoo, page, other, "zoo")
        if pytest_ignore_collect(ROOT / "tests" / name, pytestconfig)
    ]  # fmt: skip
    assert left_out == ([other] if asked == "alone" else [])


def test_no_generated_example_is_held_to_a_clock() -> None:
    assert settings().deadline is None
