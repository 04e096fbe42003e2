"""The words of a shell script: quotes, parameters and substitutions (XCU 2.2, 2.6).

`ScriptReader` holds the text and the place in it; `shell_parser` reads commands with it. A word
that is never closed raises `Unclosed`, so that an interactive user can continue it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from resilience.sandbox.images.sh.shell_tree import (
    Arithmetic,
    Literal,
    Node,
    Parameter,
    Part,
    Substitution,
    Word,
)

BREAKS = " \t\n;&|<>()"
_NAME = re.compile(r"[A-Za-z_]\w*")
_SPECIAL = re.compile(r"[@*#?$!0-9-]")
_OPERATOR = re.compile(r":?[-=?+]|##?|%%?")


class ShellSyntaxError(Exception):
    """Not a script; the message is the one of `sh`."""


class Unclosed(ShellSyntaxError):
    """Text that may still become a script."""


class ScriptReader:
    """A script and the place up to which it was read. `parse` reads the inside of `$(...)`."""

    def __init__(self, text: str, parse: Callable[[str], Node]) -> None:
        self.text = text
        self.at = 0
        self._parse = parse

    def peek(self, count: int = 1) -> str:
        """The next characters, "" at the end."""
        return self.text[self.at : self.at + count]

    def blanks(self) -> None:
        """Skip blanks, comments and continued lines."""
        while True:
            if self.peek() in (" ", "\t") and self.peek():
                self.at += 1
            elif self.peek(2) == "\\\n":
                self.at += 2
            elif self.peek() == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            else:
                return

    def word(self) -> Word | None:
        """The word that begins here, None if none does."""
        parts: list[Part] = []
        while self.peek() and self.peek() not in BREAKS:
            parts += self._part(quoted=False)
        return Word(_joined(parts)) if parts else None

    def quoted_text(self, text: str) -> Word:
        """A here-document's text: expanded as if between double quotes."""
        inner = ScriptReader(text, self._parse)
        parts: list[Part] = []
        while inner.peek():
            parts += inner._part(quoted=True, closing="")
        return Word(_joined(parts))

    def _part(self, *, quoted: bool, closing: str = '"') -> list[Part]:
        char = self.peek()
        if char == "\\":
            return [self._escaped(quoted=quoted, closing=closing)]
        if char == "$":
            return [self._dollar(quoted=quoted)]
        if char == "`":
            return [Substitution(self._parse(self._backquoted()), quoted)]
        if not quoted and char == "'":
            return [Literal(self._until("'"), quoted=True)]
        if not quoted and char == '"':
            return self._double()
        self.at += 1
        return [Literal(char, quoted)]

    def _escaped(self, *, quoted: bool, closing: str) -> Literal:
        char = self.peek(2)[1:]
        self.at += 2
        if char == "\n":
            return Literal("", quoted=True)
        if quoted and char not in ("$", "`", "\\", closing):
            return Literal("\\" + char, quoted=True)
        return Literal(char, quoted=True)

    def _until(self, mark: str) -> str:
        end = self.text.find(mark, self.at + 1)
        if end < 0:
            raise Unclosed("unterminated quoted string")
        found, self.at = self.text[self.at + 1 : end], end + 1
        return found

    def _double(self) -> list[Part]:
        self.at += 1
        parts: list[Part] = [Literal("", quoted=True)]
        while self.peek() != '"':
            if not self.peek():
                raise Unclosed("unterminated quoted string")
            parts += self._part(quoted=True)
        self.at += 1
        return parts

    def _backquoted(self) -> str:
        start = self.at = self.at + 1
        while self.peek() != "`":
            if not self.peek():
                raise Unclosed("EOF in backquote substitution")
            self.at += 2 if self.peek() == "\\" else 1
        self.at += 1
        return re.sub(r"\\([\\`$])", r"\1", self.text[start : self.at - 1])

    def _dollar(self, *, quoted: bool) -> Part:
        self.at += 1
        if self.peek(2) == "((":
            inner = self._enclosed("((", "))")
            if inner is not None:
                return Arithmetic(self.quoted_text(inner), quoted)
        if self.peek() == "(":
            inner = self._enclosed("(", ")")
            if inner is None:
                raise Unclosed('unexpected end of file (expecting ")")')
            return Substitution(self._parse(inner), quoted)
        if self.peek() == "{":
            return self._braced(quoted=quoted)
        found = _NAME.match(self.text, self.at) or _SPECIAL.match(self.text, self.at)
        if found is None:
            return Literal("$", quoted)
        self.at = found.end()
        return Parameter(name=found[0], quoted=quoted)

    def _enclosed(self, opening: str, closing: str) -> str | None:
        """The text up to the matching closing; quotes inside hide their content."""
        start, depth, at = self.at + len(opening), len(opening), self.at + len(opening)
        while at < len(self.text):
            char = self.text[at]
            if char == "\\":
                at += 1
            elif char in "'\"":
                at = _past_quote(self.text, at)
            elif char == "(":
                depth += 1
            elif char == ")":
                depth -= 1
                if depth == 0:
                    inner = self.text[start : at + 1 - len(closing)]
                    if len(closing) == 2 and self.text[at - 1] != ")":
                        return None
                    self.at = at + 1
                    return inner
            at += 1
        return None

    def _braced(self, *, quoted: bool) -> Part:
        self.at += 1
        length = self.peek() == "#" and self.peek(2) not in ("#}", "#")
        self.at += length
        found = _NAME.match(self.text, self.at) or _SPECIAL.match(self.text, self.at)
        if found is None:
            raise ShellSyntaxError("bad substitution")
        self.at = found.end()
        operator = _OPERATOR.match(self.text, self.at)
        if operator:
            self.at = operator.end()
        argument: list[Part] = []
        while self.peek() != "}":
            if not self.peek():
                raise Unclosed("bad substitution")
            if not operator:
                raise ShellSyntaxError("bad substitution")
            argument += (
                self._part(quoted=False)
                if self.peek() in "'\""
                else self._part(quoted=quoted, closing="}")
            )
        self.at += 1
        return Parameter(
            name=found[0],
            operator=operator[0] if operator else "",
            argument=Word(_joined(argument)),
            length=length,
            quoted=quoted,
        )


def _past_quote(text: str, at: int) -> int:
    """The place of the quote that closes the one at `at`."""
    mark, at = text[at], at + 1
    while at < len(text) and text[at] != mark:
        at += 2 if mark == '"' and text[at] == "\\" else 1
    return at


def _joined(parts: list[Part]) -> tuple[Part, ...]:
    """Neighbouring literals of one kind, joined."""
    out: list[Part] = []
    for part in parts:
        last = out[-1] if out else None
        if isinstance(part, Literal) and isinstance(last, Literal) and last.quoted == part.quoted:
            out[-1] = Literal(last.text + part.text, part.quoted)
        else:
            out.append(part)
    return tuple(out)
