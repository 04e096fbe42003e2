"""How the tests are shared out among workers, and what holds in all of them."""

from __future__ import annotations

from pathlib import Path

from hypothesis import settings

from tests.conftest import LONGEST_FIRST

ROOT = Path(__file__).parents[1]


def test_every_file_that_begins_first_is_there() -> None:
    assert [name for name in LONGEST_FIRST if not (ROOT / name).is_file()] == []
    assert len(set(LONGEST_FIRST)) == len(LONGEST_FIRST)


def test_no_generated_example_is_held_to_a_clock() -> None:
    assert settings().deadline is None
