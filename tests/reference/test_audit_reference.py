"""The page of the rules is what the rules say."""

from __future__ import annotations

from pathlib import Path

from resilience.audit.catalogue import builtin
from resilience.reference import audit_reference

DOCS = Path(__file__).parents[2] / "docs" / "reference"


def test_the_page_is_up_to_date() -> None:
    assert (DOCS / audit_reference.NAME).read_text() == audit_reference.text()


def test_every_rule_has_its_section() -> None:
    page = audit_reference.text()
    assert [rule.id for rule in builtin() if f"\n## {rule.id}\n" not in page] == []
