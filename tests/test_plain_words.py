"""Phrases that make a reader read twice stay out of messages, help, docstrings and docs.

docs/internals/glossary.md says which word each act and thing has; this holds the phrases that
have crept in before. Kubernetes' own words, quoted from its sources, are left alone.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

BANNED = (
    r"\bwhoever\b",
    r"\bwhosoever\b",
    r"\bwhereupon\b",
    r"\bthereby\b",
    r"\bthereof\b",
    r"\bby now\b",
    r"\ball the same\b",
    r"\bat hand\b",
    r"\banew\b",
    r"\bsomebody\b",
    r"\bof ours\b",
    r"\bof yours\b",
    r"\bof theirs\b",
    r"\bput back\b",
    r"\bputs back\b",
    r"\bputting back\b",
    r"\bcame into being\b",
    r"\bcome into being\b",
    r"\bheld against\b",
    r"\bhold against\b",
    r"\bstands? beside\b",
    r"\bstands? in the way\b",
    r"\bbears? being\b",
    r"\blets? go of\b",
    r"\bgo(?:es)? on with\b",
    r"\bis told\b",
    r"\bare told\b",
    r"\bwas told\b",
    r"\bis asked\b",
    r"\bare asked\b",
    r"\bwas asked\b",
    r"\bis no (?:longer )?(?:Pod|list|mapping|victim|key)\b",
    r"\bare no (?:victims|endpoints|files)\b",
    r"\bso many (?:hours|days|weeks|months|years|rounds|times)\b",
    r"\bthe right to\b",
    r"\bno right to\b",
    r"\blacks? the right\b",
    r"\bit is not ours\b",
    r"\bmend(?:s|ed)?\b",
    r"\brehearsal of scenarios\b",
    r"\bfor ever\b",
    r"\bput it back\b",
    r"\btravels? alone\b",
    r"\bgo(?:es)? on\b",
    r"\b(?:can|cannot) be had\b",
    r"\bis no (?:duration|HTTP|JSON|label|number|place|prober|rule|YAML)\b",
)
PATTERN = re.compile("|".join(BANNED), re.IGNORECASE)

PAGES = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")} - {ROOT / "CHANGELOG.md"})
QUOTES_THEM = {ROOT / "docs" / "internals" / "glossary.md"}


def _texts(source: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, re.sub(r"\s+", " ", node.value)


def _found(place: str, text: str) -> Iterator[str]:
    for match in PATTERN.finditer(text):
        around = text[max(0, match.start() - 40) : match.end() + 40]
        yield f"{place}: {match[0]!r} in ...{around}..."


def test_strings_and_docstrings_of_the_package_are_plain() -> None:
    found = [
        line
        for path in sorted((ROOT / "resilience").rglob("*.py"))
        for number, text in _texts(path.read_text(encoding="utf-8"))
        for line in _found(f"{path.relative_to(ROOT)}:{number}", text)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_uses_a_banned_phrase(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    found = [
        line
        for number, text in enumerate(lines, 1)
        for line in _found(f"{page.name}:{number}", text)
    ]
    assert page in QUOTES_THEM or not found, "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "Whoever reads it",
        "it is held against its hash",
        "is no Pod",
        "'x' is no number",
        "waits for ever",
    ],
)
def test_a_banned_phrase_is_found(text: str) -> None:
    assert list(_found("here", text))


@pytest.mark.parametrize(
    "text", ["what the step must not touch", "this is no longer needed", "for every Pod"]
)
def test_plain_sentences_are_not_banned(text: str) -> None:
    assert not list(_found("here", text))
