"""The index of the library is what its files say."""

from __future__ import annotations

from pathlib import Path

from resilience.reference import library_reference

DOCS = Path(__file__).parents[2] / "docs" / "reference"


def test_the_page_is_up_to_date() -> None:
    assert (DOCS / library_reference.NAME).read_text() == library_reference.text()


def test_the_page_says_what_each_proves() -> None:
    rows = [line for line in library_reference.text().splitlines() if line.startswith("| `")]
    assert len(rows) >= 35
    assert [row for row in rows if "|  |" in row] == []
