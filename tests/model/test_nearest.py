"""One cut-off, one wording for every unknown word."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import resilience
from resilience.model.nearest import asked, did_you_mean, nearest

PACKAGE = Path(resilience.__file__).parent


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("cuont", ["count", "share"], "; did you mean `count`?"),
        ("PODS", ["pods", "share"], "; did you mean `pods`?"),
        ("zzz", ["count", "share"], ""),
        ("x" * 10_000, ["count"], ""),
        ("", ["count"], ""),
    ],
)
def test_one_word_is_named_or_none(word: str, known: list[str], meant: str) -> None:
    assert did_you_mean(word, known) == meant


def test_several_are_listed_the_nearest_first() -> None:
    assert nearest("pod", ["podz", "pod", "apod"], 3)[0] == "pod"
    assert asked(["a", "b", "c"]) == "; did you mean `a`, `b` or `c`?"
    assert asked([]) == ""


def test_nobody_looks_for_a_near_word_by_other_means() -> None:
    """The sandbox speaks with the words of Kubernetes."""
    wrong = [
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if not path.is_relative_to(PACKAGE / "sandbox") and path.stem != "nearest"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.ImportFrom) and node.module == "difflib")
        or (isinstance(node, ast.Import) and any(each.name == "difflib" for each in node.names))
    ]
    assert wrong == []
