"""The known word that an unknown one was probably meant to be: one cut-off and one wording for
all."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

CUTOFF = 0.6
"""How similar two words must be, from 0 to 1."""

LONGEST = 60
"""How many characters of a word are compared; more would only cost time."""


def nearest(word: str, known: Iterable[str], most: int = 1, cutoff: float = CUTOFF) -> list[str]:
    """The known words nearest to it, the nearest first; [] when none is close. Case does not
    matter."""
    by_lower = {name.lower(): name for name in sorted(known, reverse=True)}
    found = get_close_matches(word.lower()[:LONGEST], sorted(by_lower), n=most, cutoff=cutoff)
    return [by_lower[name] for name in found]


def did_you_mean(word: str, known: Iterable[str], most: int = 1) -> str:
    """`; did you mean X?` to append to a message, "" when none is close."""
    return asked(nearest(word, known, most))


def asked(names: Iterable[str]) -> str:
    """The same for names that have already been found."""
    quoted = [f"`{name}`" for name in names]
    if not quoted:
        return ""
    *first, last = quoted
    return f"; did you mean {', '.join(first)} or {last}?" if first else f"; did you mean {last}?"
