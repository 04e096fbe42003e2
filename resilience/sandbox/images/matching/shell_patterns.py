"""Patterns of the shell (XCU 2.13), by those of `fnmatch`."""

from __future__ import annotations

import fnmatch
import re


def trimmed(value: str, pattern: str, operator: str) -> str:
    """`${x#...}` and the like: removes the shortest or longest matching end."""
    front, longest = operator[0] == "#", len(operator) == 2
    places = range(len(value) + 1)
    if front == longest:
        places = range(len(value), -1, -1)
    expression = re.compile(fnmatch.translate(pattern))
    for place in places:
        if expression.match(value[:place] if front else value[place:]):
            return value[place:] if front else value[:place]
    return value


def replaced(value: str, pattern: str, new: str, *, every: bool) -> str:
    """`${x/pattern/new}`: the longest match; `#` and `%` in front tie it to an end."""
    tied = pattern[:1] if pattern[:1] in ("#", "%") and not every else ""
    expression = fnmatch.translate(pattern[len(tied) :]).removesuffix("\\Z").removesuffix(r"\Z")
    if not pattern[len(tied) :]:
        return new + value if tied == "#" else value + new if tied else value
    around = {"#": rf"\A{expression}", "%": rf"{expression}\Z"}.get(tied, expression)
    return re.sub(around, lambda _: new, value, count=0 if every else 1)


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern of `case` matches the whole text."""
    return re.match(fnmatch.translate(pattern), text) is not None


def escaped(text: str) -> str:
    """A pattern that means the text itself."""
    return re.sub(r"([*?\[])", r"[\1]", text)
