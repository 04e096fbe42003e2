"""Sets of characters as regular expressions name them: ranges, classes, categories of Unicode."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass


class PatternError(ValueError):
    """The pattern is invalid, or not supported here."""


@dataclass(frozen=True, slots=True)
class Chars:
    """A set of characters: ranges and tests, optionally negated, optionally case-insensitive."""

    ranges: tuple[tuple[str, str], ...] = ()
    tests: tuple[Callable[[str], bool], ...] = ()
    negated: bool = False
    folded: bool = False

    def has(self, char: str) -> bool:
        """Whether one character is in it."""
        forms = {char, char.lower(), char.upper()} if self.folded else (char,)
        found = any(low <= form <= high for form in forms for low, high in self.ranges)
        return (found or any(test(char) for test in self.tests)) != self.negated


CLASSES = {
    "d": (("0", "9"),),
    "w": (("0", "9"), ("A", "Z"), ("a", "z"), ("_", "_")),
    "s": (("\t", "\n"), ("\f", "\r"), (" ", " ")),
}
POSIX = {
    "alnum": (("0", "9"), ("A", "Z"), ("a", "z")),
    "alpha": (("A", "Z"), ("a", "z")),
    "ascii": (("\0", "\x7f"),),
    "blank": (("\t", "\t"), (" ", " ")),
    "cntrl": (("\0", "\x1f"), ("\x7f", "\x7f")),
    "digit": (("0", "9"),),
    "graph": (("!", "~"),),
    "lower": (("a", "z"),),
    "print": ((" ", "~"),),
    "punct": (("!", "/"), (":", "@"), ("[", "`"), ("{", "~")),
    "space": (("\t", "\r"), (" ", " ")),
    "upper": (("A", "Z"),),
    "word": CLASSES["w"],
    "xdigit": (("0", "9"), ("A", "F"), ("a", "f")),
}
LETTERS = {"a": "\a", "f": "\f", "t": "\t", "n": "\n", "r": "\r", "v": "\v"}


def is_newline(char: str) -> bool:
    return char == "\n"


def category(name: str) -> Callable[[str], bool]:
    """A test for a general category or its first letter; PatternError for a script."""
    if len(name) > 2 or name[:1] not in "LMNPSZC":
        raise PatternError(f"unknown character class: {name}")
    return lambda char: unicodedata.category(char).startswith(name)
