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
    ProcessSubstitution,
    Substitution,
    Word,
)

BREAKS = " \t\n;&|<>()"
_NAME = re.compile(r"[A-Za-z_]\w*")
_SPECIAL = re.compile(r"[@*#?$!0-9-]")
_OPERATOR = re.compile(r":?[-=?+]|##?|%%?|//?|\^\^?|,,?|:")
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{1,4}|[0-7]{1,3}|.)", re.DOTALL)
_ESCAPES = {"a": "\a", "b": "\b", "e": "\33", "E": "\33", "f": "\f", "n": "\n", "r": "\r",
            "t": "\t", "v": "\v"}  # fmt: skip


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

    def word(self, breaks: str = BREAKS) -> Word | None:
        """The word that begins here and ends before one of `breaks`; None if none does."""
        parts: list[Part] = []
        if self.peek(2) == "<(":
            self.at += 1
            parts.append(ProcessSubstitution(self._commands()))
        while self.peek() and self.peek() not in breaks:
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
        if self.peek(2) == '$"' and not quoted:
            self.at += 1
            return self._double()
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

    def _commands(self) -> Node:
        """What the parentheses that begin here hold."""
        inner = self.enclosed("(", ")")
        if inner is None:
            raise Unclosed('unexpected end of file (expecting ")")')
        return self._parse(inner)

    def enclosed_arithmetic(self) -> Word | None:
        """The inside of the `((...))` that begins here; None if it is none."""
        inner = self.enclosed("((", "))")
        return None if inner is None else self.quoted_text(inner)

    def subscript(self) -> Word | None:
        """The inside of the `[...]` that begins here."""
        if self.peek() != "[":
            return None
        self.at += 1
        found = self._up_to("]", quoted=False)
        self.at += 1
        return found

    def _up_to(self, marks: str, *, quoted: bool = True) -> Word:
        """What comes before one of `marks`."""
        parts: list[Part] = []
        while self.peek() not in marks:
            parts += (
                self._part(quoted=False)
                if self.peek() in "'\""
                else self._part(quoted=quoted, closing="}")
            )
        if not self.peek():
            raise Unclosed("bad substitution")
        return Word(_joined(parts))

    def _dollar(self, *, quoted: bool) -> Part:
        self.at += 1
        if self.peek() == "'" and not quoted:
            return Literal(self._ansi(), quoted=True)
        if self.peek(2) == "((":
            inner = self.enclosed("((", "))")
            if inner is not None:
                return Arithmetic(self.quoted_text(inner), quoted)
        if self.peek() == "(":
            return Substitution(self._commands(), quoted)
        if self.peek() == "{":
            return self._braced(quoted=quoted)
        found = _NAME.match(self.text, self.at) or _SPECIAL.match(self.text, self.at)
        if found is None:
            return Literal("$", quoted)
        self.at = found.end()
        return Parameter(name=found[0], quoted=quoted)

    def enclosed(self, opening: str, closing: str) -> str | None:
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

    def _ansi(self) -> str:
        """`$'...'`: the escapes of C."""
        found = re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL).match(self.text, self.at)
        if found is None:
            raise Unclosed("unterminated quoted string")
        self.at = found.end()
        return _ESCAPE.sub(lambda each: _escape(each[1]), found[1])

    def _braced(self, *, quoted: bool) -> Part:
        self.at += 1
        length = self.peek() == "#" and self.peek(2) not in ("#}", "#")
        indirect = self.peek() == "!" and self.peek(2) != "!}"
        self.at += length or indirect
        found = _NAME.match(self.text, self.at) or _SPECIAL.match(self.text, self.at)
        if found is None:
            raise ShellSyntaxError("bad substitution")
        self.at = found.end()
        index = self.subscript()
        operator, second = _OPERATOR.match(self.text, self.at), None
        if operator:
            self.at = operator.end()
        elif self.peek() not in ("}", ""):
            raise ShellSyntaxError("bad substitution")
        sign = operator[0] if operator else ""
        marks = "/}" if sign in ("/", "//") else ":}" if sign == ":" else "}"
        # A pattern is one inside of double quotes as well.
        argument = self._up_to(marks, quoted=quoted and sign[:1] not in ("#", "%", "/"))
        if self.peek() != "}":
            self.at += 1
            second = self._up_to("}", quoted=quoted)
        self.at += 1
        return Parameter(
            name=found[0], operator=sign, argument=argument, second=second, index=index,
            length=length, indirect=indirect, quoted=quoted,
        )  # fmt: skip


def _escape(text: str) -> str:
    if text[0] in "xu" and len(text) > 1:
        return chr(int(text[1:], 16))
    return chr(int(text, 8)) if text[0] in "01234567" else _ESCAPES.get(text, text)


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
