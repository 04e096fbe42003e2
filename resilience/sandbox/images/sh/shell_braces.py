"""Brace expansion of bash: `a{b,c}` and `{1..3}`, before anything else is expanded."""

from __future__ import annotations

import itertools
import re

from resilience.sandbox.images.sh.shell_tree import Literal, Part, Word

_RANGE = re.compile(r"(-?\d+|[A-Za-z])\.\.(-?\d+|[A-Za-z])(?:\.\.(-?\d+))?")


def expanded(word: Word) -> list[Word]:
    """The words that a word stands for; itself if it has no braces."""
    if not any(isinstance(part, Literal) and not part.quoted and "{" in part.text
               for part in word.parts):  # fmt: skip
        return [word]
    return [Word(_joined(pieces)) for pieces in _every(_pieces(word))]


def _pieces(word: Word) -> list[Part]:
    """Unquoted text a character at a time: each may be a brace."""
    found: list[Part] = []
    for part in word.parts:
        plain = isinstance(part, Literal) and not part.quoted
        found += [Literal(char) for char in part.text] if plain else [part]  # type: ignore[union-attr]
    return found


def _every(pieces: list[Part]) -> list[list[Part]]:
    for start, piece in enumerate(pieces):
        if _char(piece) != "{":
            continue
        end, commas = _closing(pieces, start)
        if end < 0:
            continue
        inside = pieces[start + 1 : end]
        choices = _choices(pieces, start, end, commas) if commas else _sequence(inside)
        if choices is not None:
            after = _every(pieces[end + 1 :])
            return [
                [*pieces[:start], *inner, *rest]
                for choice in choices
                for inner in _every(choice)
                for rest in after
            ]
    return [pieces]


def _closing(pieces: list[Part], start: int) -> tuple[int, list[int]]:
    """Where the brace at `start` is closed, -1 if nowhere, and the commas that belong to it."""
    depth = 0
    commas: list[int] = []
    for at in range(start, len(pieces)):
        char = _char(pieces[at])
        depth += {"{": 1, "}": -1}.get(char, 0)
        if depth == 0:
            return at, commas
        if char == "," and depth == 1:
            commas.append(at)
    return -1, []


def _choices(pieces: list[Part], start: int, end: int, commas: list[int]) -> list[list[Part]]:
    ends = [start, *commas, end]
    return [pieces[one + 1 : other] for one, other in itertools.pairwise(ends)]


def _sequence(inside: list[Part]) -> list[list[Part]] | None:
    """`1..3`, `a..e`, `0..10..5`; leading zeros keep the width."""
    found = _RANGE.fullmatch("".join(_char(piece) or "\0" for piece in inside))
    if found is None or found[1].isalpha() != found[2].isalpha():
        return None
    letters = found[1].isalpha()
    first, last = (ord(each) if letters else int(each) for each in (found[1], found[2]))
    step = max(1, abs(int(found[3] or 1))) * (1 if last >= first else -1)
    numbers = range(first, last + (1 if step > 0 else -1), step)
    padded = any(re.fullmatch(r"-?0\d+", each) for each in (found[1], found[2]))
    width = max(len(found[1]), len(found[2])) if padded else 0
    return [[Literal(chr(each) if letters else f"{each:0{width}d}")] for each in numbers]


def _char(piece: Part) -> str:
    return piece.text if isinstance(piece, Literal) and not piece.quoted else ""


def _joined(pieces: list[Part]) -> tuple[Part, ...]:
    found: list[Part] = []
    for piece in pieces:
        last = found[-1] if found else None
        if _char(piece) and last is not None and _char(last):
            found[-1] = Literal(_char(last) + _char(piece))
        else:
            found.append(piece)
    return tuple(found)
