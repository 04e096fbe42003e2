"""Findings are data: words are made in `report/wording.py` and never read back.

A sentence that is parsed anywhere becomes an interface that nobody declared: rewording it changes a
chart, a summary or an exit code. Here each module that handles findings is read for it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "resilience"
ROOMS = ("report", "engine", "harness")

TEXTS = {"measured", "promised", "detail", "circumstances"}
"""Fields of a finding that are for people, as attributes of a value or keys of the document."""

NAMES = {"name"}
"""Also the name of a finding says nothing that its kind, subject and percentile do not say."""

READING = {
    "startswith", "endswith", "removeprefix", "removesuffix", "partition", "rpartition", "split",
    "rsplit", "splitlines", "strip", "lstrip", "rstrip", "find", "rfind", "index", "replace",
    "count", "isdigit", "match", "fullmatch", "search", "findall", "finditer", "sub", "parse",
}  # fmt: skip
"""Calls that take text apart."""


def text_of(node: ast.AST) -> str:
    """Which text of a finding an expression is; "" for none."""
    return next((name for inner in ast.walk(node) if (name := _text(inner))), "")


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        name, value = node.attr, node.value
    elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        name, value = str(node.slice.value), node.value
    else:
        return ""
    of_finding = isinstance(value, ast.Name) and value.id in ("finding", "findings", "why")
    return name if name in TEXTS or (name in NAMES and of_finding) else ""


def parses(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, text) of each place that takes a finding's text apart."""
    for node in ast.walk(tree):
        for taken in _taken(node):
            if text := text_of(taken):
                yield taken.lineno, text


def _taken(node: ast.AST) -> list[ast.expr]:
    """What an expression takes apart."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return [node.func.value, *node.args] if node.func.attr in READING else []
    if isinstance(node, ast.Compare):
        inside = any(isinstance(op, ast.In | ast.NotIn) for op in node.ops)
        return node.comparators if inside else []
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
        return [node.value]
    return []


@pytest.mark.parametrize("room", ROOMS)
def test_no_module_reads_a_meaning_out_of_a_findings_text(room: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line} takes `{text}` apart"
        for path in sorted((ROOT / room).rglob("*.py"))
        for line, text in parses(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        'finding["promised"].removeprefix("at most ")',
        'Duration.parse(finding["promised"])',
        '"the prober" in finding.measured',
        'why.measured.partition(": ")[0]',
        'finding.name.rpartition(".")[2]',
        'finding["name"].endswith(".availability")',
        "finding.measured[:3]",
        're.fullmatch("p[0-9]+", finding.name)',
    ],
)
def test_each_way_of_taking_a_text_apart_is_noticed(code: str) -> None:
    assert list(parses(ast.parse(code)))


def test_a_probes_finding_carries_no_prose() -> None:
    from tests.report.made import record

    for finding in record().findings:
        if finding.kind.is_objective:
            assert (finding.promised, finding.measured, finding.detail) == ("", "", ())
            assert finding.limit is not None
            assert finding.unit is not None
