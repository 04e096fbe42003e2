"""Patterns as RE2 reads them, in time that grows with the text."""

from __future__ import annotations

import random
import re
import time

import pytest

from resilience.sandbox.schema.pattern import PatternError, search

ATOMS = (
    *("a", "b", "c", ".", "[ab]", "[^a]", "[a-c1]", "[-a]", "[a-]", "x", "1"),
    *(r"\d", r"\w", r"\s", r"\D", "^", "$", r"\b", r"\B", r"\.", r"\-"),
)
TIMES = ("*", "+", "?", "{2}", "{1,3}", "{0,2}", "{2,}", "*?", "+?")


def written(chance: random.Random, depth: int = 0) -> str:
    """A random pattern that RE2 and Python read alike, but for the dollar."""
    kind = chance.random()
    if depth > 4 or kind < 0.35:
        return chance.choice(ATOMS)
    if kind < 0.6:
        return written(chance, depth + 1) + written(chance, depth + 1)
    if kind < 0.75:
        return f"(?:{written(chance, depth + 1)}|{written(chance, depth + 1)})"
    if kind < 0.8:
        return f"({written(chance, depth + 1)})"
    return f"(?:{written(chance, depth + 1)}){chance.choice(TIMES)}"


def test_random_patterns_match_what_pythons_own_match() -> None:
    chance, both = random.Random(5), {True: 0, False: 0}
    for _ in range(600):
        pattern = written(chance)
        other = re.compile(pattern.replace("$", r"\Z"), re.ASCII)
        for _ in range(5):
            # Python before 3.14 finds no \B in an empty text.
            text = "".join(chance.choice("abc1x.- ") for _ in range(chance.randrange(1, 9)))
            wanted = other.search(text) is not None
            assert search(pattern, text) == wanted, (pattern, text)
            both[wanted] += 1
    assert min(both.values()) > 300


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        (r"^\d+$", "12", "\u0661"),
        (r"^\w$", "w", "ä"),
        ("^a$", "a", "a\n"),
        ("(?m)^b$", "a\nb\nc", "ab"),
        ("(?s)a.b", "a\nb", "ab"),
        ("a.b", "axb", "a\nb"),
        ("(?i)straße", "STRAßE", "x"),
        ("(?i:a)B", "AB", "ab"),
        ("^(?P<name>a)(?<other>b)$", "ab", "a"),
        ("^[[:alpha:]_-]+$", "a_-B", "a1"),
        ("^[[:^digit:]]+$", "ab", "a1"),
        (r"^\p{Lu}\PL$", "Ä1", "ä1"),
        (r"^[\d\.]+$", "1.2", "1,2"),
        (r"^\x41\x{1F600}$", "A\U0001f600", "A"),
        (r"^\Qa.b\E+$", "a.bb", "axb"),
        (r"^\\Q$", "\\Q", "Q"),
        ("^[]a]$", "]", "b"),
        ("^a{,2}$", "a{,2}", "aa"),
        (r"\Aab\z", "ab", "abc"),
        ("^$", "", "a"),
        ("^(|a)b$", "b", "aab"),
    ],
)
def test_syntax_means_what_it_means_to_re2(pattern: str, yes: str, no: str) -> None:
    assert search(pattern, yes)
    assert not search(pattern, no)


@pytest.mark.parametrize(
    "pattern",
    ["(?=a)", "(?<!a)b", r"(a)\1", "(a", "a)", "[a", "[b-a]", "a{1001}", "a{2,1}", "\\", "*a",
     "(?x)a", "[[:nothing:]]", r"\p{Greek}", r"\xzz", "((a{100}){100}){100}", "(" * 300],
)  # fmt: skip
def test_what_re2_does_not_read_is_an_error(pattern: str) -> None:
    with pytest.raises(PatternError):
        search(pattern, "a")


@pytest.mark.parametrize(
    ("pattern", "text"),
    [("^(a+)+$", "a" * 20_000 + "!"), ("(x+x+)+y", "x" * 20_000), ("(a|a)*b", "a" * 20_000)],
)
def test_no_pattern_takes_longer_than_its_text(pattern: str, text: str) -> None:
    began = time.thread_time()
    assert not search(pattern, text)
    assert time.thread_time() - began < 2


def test_a_huge_pattern_on_a_huge_text_is_not_begun() -> None:
    with pytest.raises(PatternError, match="too large for a text"):
        search("(a|b)*a(a|b){900}", "ab" * 100_000)
