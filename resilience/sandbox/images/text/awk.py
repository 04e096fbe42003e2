"""A small part of `awk`: patterns and `print` with fields, texts, NR, NF."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

from resilience.sandbox.images.text.command_line import lines, options
from resilience.sandbox.images.text.posix_expressions import expression

_RULE = re.compile(r"\s*(BEGIN|END|/(?:\\.|[^/\\])*/|[^{}]*?)\s*(?:\{([^{}]*)\}|(?=;|\n|$))[;\s]*")

_TERM = re.compile(r'\s*("(?:\\.|[^"\\])*"|\$\(?(?:NF(?:-\d+)?|NR|\d+)\)?|NR|NF|\d+|,)')

_COMPARE = re.compile(r"\s*(\S+)\s*(==|!=|>=|<=|>|<|~)\s*(.+?)\s*")


def awk_(argv: list[str]) -> int:
    """Patterns and `print`: -F SEPARATOR; other features of awk are refused by name."""
    given, rest = options(argv, "Fv")
    if not rest:
        print("awk: no program", file=sys.stderr)
        return 2
    program, paths = rest[0], rest[1:]
    rules = [(m[1].strip(), m[2]) for m in _RULE.finditer(program) if m[0]]
    failed: list[int] = []
    try:
        number = 0
        for pattern, body in rules:
            if pattern == "BEGIN":
                _act(body, [""], 0)
        for number, (_, line) in enumerate(lines("awk", paths, failed), 1):
            text = line.rstrip("\n")
            separator = given.get("F")
            parts = re.split(separator, text) if separator not in (None, " ") else text.split()
            for pattern, body in rules:
                if pattern not in ("BEGIN", "END") and _fits(pattern, [text, *parts], number):
                    _act(body, [text, *parts], number)
        for pattern, body in rules:
            if pattern == "END":
                _act(body, [""], number)
    except (ValueError, re.error) as error:
        print(f"awk: {error} is not understood by the sandbox's awk", file=sys.stderr)
        return 2
    return max(failed, default=0)


def _fits(pattern: str, fields: list[str], number: int) -> bool:
    if not pattern:
        return True
    if pattern.startswith("/"):
        return expression(pattern[1:-1], extended=True).search(fields[0]) is not None
    compared = _COMPARE.fullmatch(pattern)
    if compared is None:
        raise ValueError(pattern)
    one, mark, two = _value(compared[1], fields, number), compared[2], compared[3]
    if mark == "~":
        return expression(two.strip("/"), extended=True).search(one) is not None
    other = _value(two, fields, number)
    kinds: dict[str, Callable[[float | str, float | str], bool]] = {
        "==": lambda a, b: a == b, "!=": lambda a, b: a != b,
        ">": lambda a, b: a > b, "<": lambda a, b: a < b,  # type: ignore[operator]
        ">=": lambda a, b: a >= b, "<=": lambda a, b: a <= b,  # type: ignore[operator]
    }  # fmt: skip
    try:
        return kinds[mark](float(one), float(other))
    except ValueError:
        return kinds[mark](one, other)


def _act(body: str | None, fields: list[str], number: int) -> None:
    for statement in (body or "print").split(";"):
        words = statement.strip()
        if not words:
            continue
        if not re.match(r"print\b", words):
            raise ValueError(words)
        print(_joined(words[5:], fields, number))


def _joined(text: str, fields: list[str], number: int) -> str:
    out, at, any_ = "", 0, False
    while text[at:].strip():
        term = _TERM.match(text, at)
        if term is None:
            raise ValueError(text.strip())
        out += " " if term[1] == "," else _value(term[1], fields, number)
        at, any_ = term.end(), True
    return out if any_ else fields[0]


def _value(term: str, fields: list[str], number: int) -> str:
    if term.startswith('"'):
        return term[1:-1].replace('\\"', '"').replace("\\n", "\n").replace("\\t", "\t")
    if term in ("NR", "NF"):
        return str(number if term == "NR" else len(fields) - 1)
    place = re.fullmatch(r"\$\(?(NF|NR|\d+)(-\d+)?\)?", term)
    if place:
        at = {"NF": len(fields) - 1, "NR": number}.get(place[1])
        index = (int(place[1]) if at is None else at) + int(place[2] or 0)
        return fields[index] if 0 <= index < len(fields) else ""
    if re.fullmatch(r"-?\d+(\.\d+)?", term):
        return term
    raise ValueError(term)
