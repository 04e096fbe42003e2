"""The page of options and exit codes says what the code does."""

from __future__ import annotations

from pathlib import Path

from resilience.harness import exits
from resilience.reference import options_reference

DOCS = Path(__file__).parent.parent.parent / "docs" / "reference"


def test_the_page_is_what_the_code_says() -> None:
    """Regenerate with: python -m resilience.reference.options_reference docs/reference"""
    assert (DOCS / options_reference.NAME).read_text() == options_reference.text()


def test_every_exit_code_of_ours_is_on_the_page() -> None:
    page = options_reference.text()
    for code in (*exits.OWN.values(), exits.UNDO_INCOMPLETE):
        assert f"\n| {code} |" in page
