"""Words to texts: parameters, substitutions, arithmetic, splitting and patterns (XCU 2.6).

A field under construction is a list of texts with their kind: the result of an expansion is split,
and may be a pattern, like plain text; quoted text is neither. Patterns are those of `fnmatch`.
"""

from __future__ import annotations

import glob
import re
from typing import TYPE_CHECKING, TypeVar

from resilience.sandbox.images.matching.shell_patterns import escaped, replaced, trimmed
from resilience.sandbox.images.sh import shell_arrays, shell_braces
from resilience.sandbox.images.sh.shell_arithmetic import evaluate
from resilience.sandbox.images.sh.shell_tree import (
    Arithmetic,
    Literal,
    Parameter,
    Part,
    ProcessSubstitution,
    Substitution,
    Word,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from resilience.sandbox.images.sh.shell import Shell

BROUGHT, PLAIN, QUOTED = range(3)
Field = list[tuple[str, int]]
Values = TypeVar("Values", str, list[str])
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
        for word in (each for given in words for each in self._braced(given)):
            for field in self._split(word):
                found += _files(field, none=self._shell.nullglob)
        return found

    def _braced(self, word: Word) -> list[Word]:
        return shell_braces.expanded(word) if self._shell.is_bash else [word]

    def text(self, word: Word) -> str:
        """A word that is not split: an assignment, a redirection, a subject."""
        return "".join(text for field in self._pieces(word.parts) for text, _ in field)

    def pattern(self, word: Word) -> str:
        """A word as a pattern: quoted text is literal."""
        pieces = [piece for field in self._pieces(word.parts) for piece in field]
        return "".join(escaped(text) if kind == QUOTED else text for text, kind in pieces)

    def regular(self, word: Word) -> str:
        """A word as a regular expression: quoted text is literal."""
        pieces = [piece for field in self._pieces(word.parts) for piece in field]
        return "".join(re.escape(text) if kind == QUOTED else text for text, kind in pieces)

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
            if at and isinstance(part, Parameter) and self._is_list(part):
                arguments = self._listed(part)
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
        if isinstance(part, ProcessSubstitution):
            return [(self._shell.file_of(part.body), QUOTED)]
        if isinstance(part, Arithmetic):
            return [(str(evaluate(self.text(part.expression), self._shell)), _kind(part))]
        return self._parameter(part)

    def _is_list(self, part: Parameter) -> bool:
        """Whether it is `"$@"`, `"${@:2}"` or `"${NAME[@]}"`: a field for each value."""
        if part.length or part.operator not in ("", ":"):
            return False
        all_of = ("@", "*") if part.operator == ":" else ("@",)
        return (part.name if part.index is None else part.index.bare) in all_of

    def _listed(self, part: Parameter) -> list[str]:
        shell = self._shell
        if part.indirect and part.index is not None:
            return [str(at) for at in sorted(shell.arrays.get(part.name, ()))]
        found = shell.arguments if part.index is None else shell_arrays.values(shell, part.name)
        if part.operator != ":":
            return found
        return self._sliced([shell.name, *found] if part.index is None else found, part)

    def _value(self, part: Parameter) -> str | None:
        """The text of a parameter, or of an element or all elements of an array."""
        shell, name = self._shell, part.name
        if part.indirect:
            name = shell.variable(name) or ""
        if part.index is None:
            return shell.variable(name)
        index = self.text(part.index)
        if index in ("@", "*"):
            return " ".join(shell_arrays.values(shell, name)) or None
        array = shell.arrays.get(name)
        if array is None:
            return shell.variable(name) if evaluate(index, shell) == 0 else None
        return array.get(shell_arrays.place(shell, array, index))

    def _length(self, part: Parameter) -> int:
        if part.index is not None and part.index.bare in ("@", "*"):
            return len(shell_arrays.values(self._shell, part.name))
        return len(self._shell.arguments) if part.name in "@*" else len(self._value(part) or "")

    def _sliced(self, values: Values, part: Parameter) -> Values:
        """`:first:count`; negative ones count from the end."""
        first = evaluate(self.text(part.argument or Word(())), self._shell)
        first = max(0, first + len(values)) if first < 0 else first
        if part.second is None:
            return values[first:]
        count = evaluate(self.text(part.second), self._shell)
        return values[first : first + count if count >= 0 else len(values) + count]

    def _changed(self, value: str, part: Parameter) -> str | None:
        """`#`, `%`, `/`, `^`, `,` and `:` with numbers; None for another operator."""
        operator, argument = part.operator, part.argument or Word(())
        if operator[:1] in ("#", "%"):
            return trimmed(value, self.pattern(argument), operator)
        if operator == ":":
            return self._sliced(value, part)
        if operator[:1] == "/":
            return replaced(value, self.pattern(argument), self.text(part.second or Word(())),
                             every=operator == "//")  # fmt: skip
        if operator[:1] in ("^", ","):
            head, tail = (value, "") if len(operator) == 2 else (value[:1], value[1:])
            return (head.upper() if operator[0] == "^" else head.lower()) + tail
        return None

    def _parameter(self, part: Parameter) -> Field:
        if part.length:
            return [(str(self._length(part)), _kind(part))]
        value = self._value(part)
        argument, operator = part.argument or Word(()), part.operator
        if operator and (changed := self._changed(value or "", part)) is not None:
            return [(changed, _kind(part))]
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


def _files(field: Field, *, none: bool = False) -> list[str]:
    """The file names that a field matches; itself if it is no pattern, or matches none unless that
    means `none`."""
    plain = "".join(text for text, _ in field)
    if not any(_MAGIC.search(text) for text, kind in field if kind != QUOTED):
        return [plain]
    pattern = "".join(escaped(text) if kind == QUOTED else text for text, kind in field)
    return sorted(glob.glob(pattern)) or ([] if none else [plain])
