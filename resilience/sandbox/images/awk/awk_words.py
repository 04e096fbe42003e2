"""The words of an awk program."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

KEYWORDS = frozenset(
    [
        "BEGIN",
        "END",
        "function",
        "func",
        "if",
        "else",
        "while",
        "for",
        "do",
        "break",
        "continue",
        "next",
        "exit",
        "return",
        "delete",
        "in",
        "getline",
        "print",
        "printf",
        "nextfile",
    ]
)
FUNCTIONS = frozenset(
    [
        "length",
        "substr",
        "index",
        "split",
        "sub",
        "gsub",
        "match",
        "tolower",
        "toupper",
        "sprintf",
        "int",
        "rand",
        "srand",
        "system",
        "sin",
        "cos",
        "atan2",
        "exp",
        "log",
        "sqrt",
        "close",
        "fflush",
    ]
)
_WORD = re.compile(
    r"""(?P<skip>(?:[ \t\r]|\\\r?\n|\#[^\n]*)+)|(?P<newline>\n)
    |(?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)
    |(?P<name>[A-Za-z_]\w*\(?)|(?P<string>"(?:\\.|[^"\\\n])*")
    |(?P<mark>\*\*=|\|\||&&|\+\+|--|[-+*/%^=!<>]=|\*\*|>>|!~|[-{}()\[\];,+*/%^!<>|?:~$=])""",
    re.VERBOSE | re.DOTALL,
)
_REGEX = re.compile(r"/((?:\\.|\[\^?\]?(?:\[:\w+:\]|[^\]\n])*\]|[^/\\\n\[])*)/", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "a": "\a", "b": "\b", "f": "\f",
            "v": "\v", '"': '"', "/": "/"}  # fmt: skip


class AwkSyntax(Exception):
    """A program that is none."""


@dataclass(frozen=True, slots=True)
class AwkWord:
    """One word: `kind` is number, string, regex, name, call, function, or the word itself."""

    kind: str
    text: str


def words(program: str) -> Iterator[AwkWord]:
    """All words, a last one of kind `end`."""
    at, before = 0, ""
    while at < len(program):
        if program[at] == "/" and before not in ("name", "number", "string", ")", "]", "$", "++"):
            regex = _REGEX.match(program, at)
            if regex is None:
                raise AwkSyntax("unmatched /")
            yield AwkWord("regex", regex[1].replace("\\/", "/"))
            at, before = regex.end(), "string"
            continue
        found = _WORD.match(program, at)
        if found is None:
            raise AwkSyntax(f"unexpected character '{program[at]}'")
        at = found.end()
        if found.lastgroup == "skip":
            continue
        word = _word(str(found.lastgroup), found[0])
        if found.lastgroup == "name" and found[0].endswith("(") and word.kind != "call":
            at -= 1
        yield word
        before = "name" if word.kind in ("function", "in") else word.kind
    yield AwkWord("newline", "\n")
    yield AwkWord("end", "")


def _word(group: str, text: str) -> AwkWord:
    if group == "string":
        return AwkWord("string", unescaped(text[1:-1]))
    if group == "newline" or group == "number":
        return AwkWord(group, text)
    if group == "mark":
        text = {"**": "^", "**=": "^="}.get(text, text)
        return AwkWord(text, text)
    name = text.removesuffix("(")
    if name in KEYWORDS:
        return AwkWord("function_" if name in ("func", "function") else name, name)
    if name in FUNCTIONS:
        return AwkWord("function", name)
    return AwkWord("call" if text.endswith("(") else "name", name)


def unescaped(text: str) -> str:
    """The escapes of a string; a backslash before another character stays."""

    def value(found: re.Match[str]) -> str:
        if found[1].isdigit():
            return chr(int(found[1], 8) & 0xFF)
        return _ESCAPES.get(found[1], found[0])

    return re.sub(r"\\([0-7]{1,3}|.)", value, text, flags=re.DOTALL)
