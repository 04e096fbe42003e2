"""`expr`: whole numbers, comparisons and texts."""

from __future__ import annotations

import re
from collections.abc import Callable

from resilience.sandbox.images.matching.posix_expressions import expression
from resilience.sandbox.images.text.command_line import Refused

USAGE = 2
_LEVELS = (("|",), ("&",), ("<", "<=", "=", "==", "!=", ">=", ">"), ("+", "-"), ("*", "/", "%"))
_COMPARISONS: dict[str, Callable[[int], bool]] = {
    "<": lambda order: order < 0, "<=": lambda order: order <= 0, "=": lambda order: order == 0,
    "==": lambda order: order == 0, "!=": lambda order: order != 0,
    ">=": lambda order: order >= 0, ">": lambda order: order > 0,
}  # fmt: skip


def expr_(argv: list[str]) -> int:
    """`expr 1 + 2`, `length T`, `substr T AT SIZE`, `index T CHARS`, `match T RE`, `T : RE`."""
    words = argv[1:]
    if not words:
        raise Refused("too few arguments", USAGE)
    value = _level(words, 0)
    if words:
        raise Refused("syntax error", USAGE)
    print(value)
    return int(_is_null(value))


def _is_null(value: str) -> bool:
    return not value or re.fullmatch(r"-?0+", value) is not None


def _level(words: list[str], level: int) -> str:
    if level == len(_LEVELS):
        return _matched(words)
    one = _level(words, level + 1)
    while words and words[0] in _LEVELS[level]:
        mark = words.pop(0)
        one = _joined(mark, one, _level(words, level + 1))
    return one


def _joined(mark: str, one: str, two: str) -> str:
    if mark == "|":
        return two if _is_null(one) else one
    if mark == "&":
        return "0" if _is_null(one) or _is_null(two) else one
    if mark in _COMPARISONS:
        return str(int(_COMPARISONS[mark](_order(one, two))))
    a, b = _number(one), _number(two)
    if mark in "/%" and b == 0:
        raise Refused("division by zero", USAGE)
    if mark in "/%":
        quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
        return str(quotient if mark == "/" else a - b * quotient)
    return str({"+": a + b, "-": a - b, "*": a * b}[mark])


def _order(one: str, two: str) -> int:
    if re.fullmatch(r"-?\d+", one) and re.fullmatch(r"-?\d+", two):
        return int(one) - int(two)
    return (one > two) - (one < two)


def _number(text: str) -> int:
    if re.fullmatch(r"-?\d+", text) is None:
        raise Refused("non-numeric argument", USAGE)
    return int(text)


def _matched(words: list[str]) -> str:
    one = _operand(words)
    while words and words[0] == ":":
        words.pop(0)
        one = _match(one, _operand(words))
    return one


def _match(text: str, form: str) -> str:
    try:
        fit = expression(form, extended=False)
    except re.error as error:
        raise Refused(f"bad regex '{form}': {error}", USAGE) from None
    found = fit.match(text)
    if fit.groups:
        return (found[1] or "") if found else ""
    return str(len(found[0])) if found else "0"


def _operand(words: list[str]) -> str:
    if not words:
        raise Refused("syntax error", USAGE)
    word = words.pop(0)
    if word == "(":
        value = _level(words, 0)
        if not words or words.pop(0) != ")":
            raise Refused("syntax error", USAGE)
        return value
    if not words or word not in ("length", "substr", "index", "match", "quote"):
        return word
    if word == "quote":
        return words.pop(0)
    text = _operand(words)
    if word == "length":
        return str(len(text))
    if word == "match":
        return _match(text, _operand(words))
    if word == "index":
        chars = _operand(words)
        return str(next((at for at, char in enumerate(text, 1) if char in chars), 0))
    at, size = _number(_operand(words)), _number(_operand(words))
    return text[at - 1 : at - 1 + size] if at > 0 and size > 0 else ""
