"""What docstrings and documents refer to exists: sections of the Kubernetes rules, files, pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RULES = ROOT / "docs" / "internals" / "kubernetes-rules.md"
CITED = re.compile(r"\brules (\d+(?:\.\d+)?)\b")
FILES = re.compile(
    r"`((?:resilience|tests|engine|backup|actions|harness|sandbox|cluster)/[\w/]+\.py)`"
)
LINKS = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def test_every_cited_section_of_the_kubernetes_rules_exists() -> None:
    sections = set(re.findall(r"^#+ (\d+(?:\.\d+)?)\.? ", RULES.read_text(), re.M))
    sources = [path for room in ("resilience", "tests") for path in (ROOT / room).rglob("*.py")]
    missing = [
        f"{path.relative_to(ROOT)}: rules {number}"
        for path in sources
        for number in CITED.findall(path.read_text(encoding="utf-8"))
        if number not in sections
    ]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = [name for name in FILES.findall(text) if not re.search(r"NAME|ROOM", name)]
    roots = (ROOT, ROOT / "resilience", ROOT / "resilience" / "sandbox")
    missing = [name for name in named if not any((root / name).exists() for root in roots)]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    links = LINKS.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
