"""Values: numbers, texts, and texts of input that look like numbers and then count as both."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


class Input(str):
    """A text that came from outside: a field, a line, an argument."""

    __slots__ = ()


Value = float | str


def number(value: Value) -> float:
    """As a number: what a text begins with, else 0."""
    if isinstance(value, float):
        return value
    found = _NUMBER.match(value)
    return float(found[0]) if found else 0.0


def text(value: Value, form: str = "%.6g") -> str:
    """As a text: whole numbers without a point."""
    if isinstance(value, str):
        return value
    if value.is_integer() and abs(value) < 1e16:
        return str(int(value))
    return form % value


def is_numeric(value: Value) -> bool:
    """Whether it compares as a number: numbers, and input that looks like one, or is not set."""
    if isinstance(value, float):
        return True
    return isinstance(value, Input) and _NUMBER.fullmatch(value.rstrip()) is not None


def truth(value: Value) -> bool:
    """0 and the empty text are false; so is input that is the number 0."""
    return number(value) != 0 if is_numeric(value) else value != ""


class Unset(Input):
    """A variable that nobody set: empty, and 0."""

    __slots__ = ()


UNSET = Unset("")


def order(one: Value, two: Value) -> int:
    """Below, equal or above 0: as numbers if both are, else as texts."""
    a, b = (isinstance(each, Unset) or is_numeric(each) for each in (one, two))
    if a and b:
        x, y = number(one), number(two)
        return (x > y) - (x < y)
    s, t = text(one), text(two)
    return (s > t) - (s < t)
