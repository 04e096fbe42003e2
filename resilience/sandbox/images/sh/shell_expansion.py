"""Words to texts: parameters, substitutions, arithmetic, splitting and patterns (XCU 2.6).

A field under construction is a list of texts with their kind: the result of an expansion is split,
and may be a pattern, like plain text; quoted text is neither. Patterns are those of `fnmatch`.
"""

from __future__ import annotations

import fnmatch
import glob
import re
from typing import TYPE_CHECKING

from resilience.sandbox.images.sh.shell_arithmetic import evaluate
from resilience.sandbox.images.sh.shell_tree import (
    Arithmetic,
    Literal,
    Parameter,
    Part,
    Substitution,
    Word,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from resilience.sandbox.images.sh.shell import Shell

BROUGHT, PLAIN, QUOTED = range(3)
Field = list[tuple[str, int]]
_MAGIC = re.compile(r"[*?\[]")


class ExpansionError(Exception):
    """`${NAME?why}`, or a division by zero: the script ends."""


class Expansion:
    """Expands for one shell."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def fields(self, words: Iterable[Word]) -> list[str]:
        """Words of a command: split, with file names for patterns."""
        found: list[str] = []
        for word in words:
            for field in self._split(word):
                found += _files(field)
        return found

    def text(self, word: Word) -> str:
        """A word that is not split: an assignment, a redirection, a subject."""
        return "".join(text for field in self._pieces(word.parts) for text, _ in field)

    def pattern(self, word: Word) -> str:
        """A word as a pattern: quoted text is literal."""
        pieces = [piece for field in self._pieces(word.parts) for piece in field]
        return "".join(_escaped(text) if kind == QUOTED else text for text, kind in pieces)

    # -- inside ----------------------------------------------------------------------------------

    def _split(self, word: Word) -> list[Field]:
        fields: list[Field] = []
        for begun in self._pieces(word.parts, at=True):
            current: Field = []
            for text, kind in begun:
                if kind != BROUGHT or text == "":
                    current.append((text, kind))
                    continue
                parts = re.split(self.separators(), text)
                for number, part in enumerate(parts):
                    if number and current:
                        fields.append(current)
                        current = []
                    if part:
                        current.append((part, BROUGHT))
            if any(text or kind == QUOTED for text, kind in current):
                fields.append(current)
        return fields

    def _ifs(self) -> str:
        ifs = self._shell.variable("IFS")
        return " \t\n" if ifs is None else ifs

    def blanks(self) -> str:
        """The blanks of IFS: they separate nothing at the ends of a line."""
        return "".join(char for char in self._ifs() if char.isspace())

    def separators(self) -> str:
        """Separators: runs of blanks and single other characters of IFS."""
        ifs = self._ifs()
        others = "".join(re.escape(char) for char in ifs if not char.isspace())
        blank = "".join(re.escape(char) for char in self.blanks())
        if not ifs:
            return r"(?!x)x"
        runs = f"[{blank}]+" if blank else r"(?!x)x"
        around = f"[{blank}]*" if blank else ""
        return f"{around}[{others}]{around}|{runs}" if others else runs

    def _pieces(self, parts: tuple[Part, ...], *, at: bool = False) -> list[Field]:
        """The pieces of a word; several fields only for `"$@"`."""
        fields: list[Field] = [[]]
        for part in _at_home(parts, self._shell.variable("HOME")):
            if at and isinstance(part, Parameter) and part.name == "@" and not part.operator:
                arguments = self._shell.arguments
                if not arguments and len(parts) == (2 if part.quoted else 1):
                    return []
                for number, argument in enumerate(arguments):
                    if number:
                        fields.append([])
                    fields[-1].append((argument, _kind(part)))
                continue
            fields[-1] += self._one(part)
        return fields

    def _one(self, part: Part) -> Field:
        if isinstance(part, Literal):
            return [(part.text, QUOTED if part.quoted else PLAIN)]
        if isinstance(part, Substitution):
            return [(self._shell.output_of(part.body).rstrip("\n"), _kind(part))]
        if isinstance(part, Arithmetic):
            return [(str(evaluate(self.text(part.expression), self._shell)), _kind(part))]
        return self._parameter(part)

    def _parameter(self, part: Parameter) -> Field:
        value = self._shell.variable(part.name)
        if part.length:
            return [(str(len(value or "")), _kind(part))]
        argument, operator = part.argument or Word(()), part.operator
        if operator[:1] in ("#", "%"):
            return [(_trimmed(value or "", self.pattern(argument), operator), _kind(part))]
        missing = value is None or (operator.startswith(":") and value == "")
        kind = operator.removeprefix(":")
        if kind == "+":
            return [] if missing else self._argument(argument, part)
        if not missing or not kind:
            if value is None and self._shell.strict and part.name not in ("@", "*"):
                raise ExpansionError(f"{part.name}: parameter not set")
            return [(value or "", _kind(part))]
        if kind == "?":
            raise ExpansionError(f"{part.name}: {self.text(argument) or 'parameter not set'}")
        if kind == "=":
            self._shell.assign(part.name, self.text(argument))
        return self._argument(argument, part)

    def _argument(self, argument: Word, part: Parameter) -> Field:
        pieces = [piece for field in self._pieces(argument.parts) for piece in field]
        return [(text, QUOTED if kind == QUOTED else _kind(part)) for text, kind in pieces]


def _at_home(parts: tuple[Part, ...], home: str | None) -> tuple[Part, ...]:
    """A `~` at the beginning, expanded to its directory."""
    first = parts[0] if parts else None
    if home is None or not isinstance(first, Literal) or first.quoted:
        return parts
    if first.text != "~" and not first.text.startswith("~/"):
        return parts
    return (Literal(home, quoted=True), Literal(first.text[1:]), *parts[1:])


def _kind(part: Parameter | Substitution | Arithmetic) -> int:
    return QUOTED if part.quoted else BROUGHT


def _trimmed(value: str, pattern: str, operator: str) -> str:
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


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern of `case` matches the whole text."""
    return re.match(fnmatch.translate(pattern), text) is not None


def _escaped(text: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", text)


def _files(field: Field) -> list[str]:
    """The file names that a field matches; itself if it is no pattern or matches none."""
    plain = "".join(text for text, _ in field)
    if not any(_MAGIC.search(text) for text, kind in field if kind != QUOTED):
        return [plain]
    pattern = "".join(_escaped(text) if kind == QUOTED else text for text, kind in field)
    return sorted(glob.glob(pattern)) or [plain]
