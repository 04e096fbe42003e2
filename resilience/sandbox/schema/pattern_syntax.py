"""From the text of a regular expression (RE2's syntax) to a program of small steps.

Jumps are relative, so that a part of a program can be repeated and placed anywhere. Source:
github.com/google/re2/wiki/Syntax. What RE2 refuses (lookaround, back-references, a thousand of a
thousand) is a PatternError, and so is what no schema contains (scripts, `\\C`).
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from dataclasses import replace
from enum import Enum, auto
from typing import NamedTuple

from resilience.sandbox.schema.pattern_chars import (
    CLASSES,
    LETTERS,
    POSIX,
    Chars,
    PatternError,
    category,
    is_newline,
)

LARGEST = 20_000
"""Steps of a program."""
_MOST = 1000
_DEEPEST = 200


class Op(Enum):
    """The effect of a step: consume a character, fork, or match only in some places."""

    TAKE = auto()
    FORK = auto()
    BEGIN = auto()
    FINISH = auto()
    LINE_BEGIN = auto()
    LINE_FINISH = auto()
    EDGE = auto()
    NO_EDGE = auto()


class Step(NamedTuple):
    """`first` and `second` are the distances of a fork."""

    op: Op
    chars: Chars | None = None
    first: int = 0
    second: int = 0


Program = tuple[Step, ...]
_QUOTED = re.compile(r"\\(?:Q(?P<plain>.*?)(?:\\E|$)|.)", re.DOTALL)
_PLACES = {"A": Op.BEGIN, "z": Op.FINISH, "b": Op.EDGE, "B": Op.NO_EDGE}


def parse(pattern: str) -> Program:
    """The program; running off its end is a match."""
    reader = _Reader(_QUOTED.sub(_unquoted, pattern))
    program = reader.alternatives(0)
    if reader.more():
        raise PatternError("unexpected )")
    return program


def _unquoted(found: re.Match[str]) -> str:
    """The text between \\Q and \\E as single characters; any other escape unchanged."""
    return found[0] if found["plain"] is None else re.escape(found["plain"])


class _Reader:
    """One pass over a pattern."""

    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0
        self._flags: frozenset[str] = frozenset()

    def more(self) -> bool:
        return self._at < len(self._text)

    def alternatives(self, depth: int) -> Program:
        """Up to the end or an unopened parenthesis."""
        if depth > _DEEPEST:
            raise PatternError("expression nests too deeply")
        program = self._sequence(depth)
        while self._take("|"):
            other = self._sequence(depth)
            # Jump over the other alternative, by a fork with only one branch.
            over = Step(Op.FORK, None, len(other) + 1, len(other) + 1)
            program = (Step(Op.FORK, None, 1, len(program) + 2), *program, over, *other)
        return program

    def _sequence(self, depth: int) -> Program:
        parts: list[Step] = []
        while self.more() and self._text[self._at] not in "|)":
            parts += self._repeated(self._one(depth))
            if len(parts) > LARGEST:
                raise PatternError("expression too large")
        return tuple(parts)

    def _take(self, text: str) -> bool:
        found = self._text.startswith(text, self._at)
        self._at += len(text) if found else 0
        return found

    def _char(self) -> str:
        if not self.more():
            raise PatternError("trailing backslash or missing bracket at the end")
        self._at += 1
        return self._text[self._at - 1]

    def _until(self, end: str) -> str:
        found = self._text.find(end, self._at)
        if found < 0:
            raise PatternError(f"missing {end}")
        text, self._at = self._text[self._at : found], found + len(end)
        return text

    # -- repetition ------------------------------------------------------------------------------

    def _repeated(self, part: Program) -> Program:
        while self.more():
            least, most = self._count()
            if least < 0:
                break
            self._take(
                "?"
            )  # greediness makes no difference when only the existence of a match counts
            part = _times(part, least, most)
        return part

    def _count(self) -> tuple[int, int | None]:
        """Minimum and maximum repetitions: -1 if there is no quantifier, None for no upper
        limit."""
        for mark, count in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(mark):
                return count
        end = self._text.find("}", self._at)
        if self._text[self._at] != "{" or end < 0:
            return -1, None
        low, comma, high = self._text[self._at + 1 : end].partition(",")
        if not _is_number(low) or not (high == "" or _is_number(high)):
            return -1, None
        least, most = int(low), (int(high) if high else None) if comma else int(low)
        if least > _MOST or (most is not None and (most > _MOST or most < least)):
            raise PatternError("invalid repeat count")
        self._at = end + 1
        return least, most

    # -- single things ---------------------------------------------------------------------------

    def _one(self, depth: int) -> Program:
        char = self._char()
        if char == "(":
            return self._group(depth)
        if char == "[":
            return self._set()
        if char == "\\":
            return self._escaped()
        if char == ".":
            return self._taking(Chars((), () if "s" in self._flags else (is_newline,), True))
        if char == "^":
            return (Step(Op.LINE_BEGIN if "m" in self._flags else Op.BEGIN),)
        if char == "$":
            return (Step(Op.LINE_FINISH if "m" in self._flags else Op.FINISH),)
        if char in "*+?":
            raise PatternError(f"missing argument to repetition operator: {char}")
        return self._taking(Chars(((char, char),)))

    def _taking(self, chars: Chars) -> Program:
        return (Step(Op.TAKE, replace(chars, folded="i" in self._flags)),)

    def _group(self, depth: int) -> Program:
        outside = self._flags
        if self._take("?"):
            if self._is_named():
                self._until(">")
            elif self._read_flags() == ")":
                return ()
        program = self.alternatives(depth + 1)
        if not self._take(")"):
            raise PatternError("missing closing )")
        self._flags = outside
        return program

    def _is_named(self) -> bool:
        looks_back = self._text[self._at : self._at + 2] in ("<=", "<!")
        return self._take("P<") or (not looks_back and self._take("<"))

    def _read_flags(self) -> str:
        on = True
        while (char := self._char()) not in ":)":
            if char == "-" and on:
                on = False
            elif char in "imsU":
                self._flags = self._flags | {char} if on else self._flags - {char}
            else:
                raise PatternError("invalid or unsupported Perl syntax")
        return char

    def _escaped(self) -> Program:
        char = self._char()
        if char in _PLACES:
            return (Step(_PLACES[char]),)
        return self._taking(self._named(char))

    def _named(self, char: str) -> Chars:
        """What a backslash and this character stand for."""
        if char.lower() in CLASSES:
            return Chars(CLASSES[char.lower()], negated=char.isupper())
        if char in "pP":
            name = self._until("}") if self._take("{") else self._char()
            turned = name.startswith("^")
            return Chars((), (category(name.lstrip("^")),), (char == "P") != turned)
        if char == "x":
            digits = self._until("}") if self._take("{") else self._char() + self._char()
            if not digits or not set(digits) <= set(string.hexdigits) or int(digits, 16) > 0x10FFFF:
                raise PatternError("invalid escape sequence")
            char = chr(int(digits, 16))
        elif char in LETTERS:
            char = LETTERS[char]
        elif char.isalnum():
            raise PatternError(f"invalid escape sequence: \\{char}")
        return Chars(((char, char),))

    def _set(self) -> Program:
        negated, first = self._take("^"), True
        ranges: list[tuple[str, str]] = []
        tests: list[Callable[[str], bool]] = []
        while first or not self._take("]"):
            first = False
            low = self._member()
            if len(low.ranges) == 1 and not low.negated and low.ranges[0][0] == low.ranges[0][1]:
                ranges.append((low.ranges[0][0], self._upper(low.ranges[0][0])))
            elif low.negated or low.tests:
                tests.append(low.has)
            else:
                ranges += low.ranges
        return self._taking(Chars(tuple(ranges), tuple(tests), negated))

    def _upper(self, low: str) -> str:
        """The end of a range that begins with `low`, which is its own end where none is given."""
        if self._text[self._at : self._at + 2] in ("-]", "-") or not self._take("-"):
            return low
        high = self._member()
        if len(high.ranges) != 1 or high.ranges[0][0] < low:
            raise PatternError("invalid character class range")
        return high.ranges[0][0]

    def _member(self) -> Chars:
        if self._take("[:"):
            name = self._until(":]")
            if name.lstrip("^") not in POSIX:
                raise PatternError(f"invalid character class: {name}")
            return Chars(POSIX[name.lstrip("^")], negated=name.startswith("^"))
        char = self._char()
        return self._named(self._char()) if char == "\\" else Chars(((char, char),))


def _times(part: Program, least: int, most: int | None) -> Program:
    """A part of a program, repeated."""
    if (len(part) + 2) * max(least, most or 1) > LARGEST:
        raise PatternError("expression too large")
    loop = (Step(Op.FORK, None, 1, len(part) + 2), *part)
    endless = (*loop, Step(Op.FORK, None, -len(loop), -len(loop)))
    if most is None:
        return part * least + endless
    rest: Program = ()
    for _ in range(most - least):
        rest = (Step(Op.FORK, None, 1, len(part) + len(rest) + 1), *part, *rest)
    return part * least + rest


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 5
