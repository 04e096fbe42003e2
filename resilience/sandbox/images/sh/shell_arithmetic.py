"""`$((...))`: whole numbers, variables, and the operators of C that scripts use (XCU 2.6.4)."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Protocol

_TOKEN = re.compile(
    r"\s*(0[xX][0-9a-fA-F]+|\d+|[A-Za-z_]\w*|\+\+|--|\*\*|<<=|>>=|[-+*/%&|^]=|<<|>>|<=|>=|==|!=|&&|\|\|"
    r"|[-+*/%<>&|^~!?:=(),])"
)
_LEVELS: tuple[dict[str, Callable[[int, int], int]], ...] = (
    {"||": lambda a, b: int(bool(a) or bool(b))},
    {"&&": lambda a, b: int(bool(a) and bool(b))},
    {"|": operator.or_},
    {"^": operator.xor},
    {"&": operator.and_},
    {"==": lambda a, b: int(a == b), "!=": lambda a, b: int(a != b)},
    {
        "<": lambda a, b: int(a < b),
        ">": lambda a, b: int(a > b),
        "<=": lambda a, b: int(a <= b),
        ">=": lambda a, b: int(a >= b),
    },
    {"<<": operator.lshift, ">>": operator.rshift},
    {"+": operator.add, "-": operator.sub},
    {"*": operator.mul, "/": lambda a, b: _quotient(a, b), "%": lambda a, b: _remainder(a, b)},
)
_ALL = {name: act for level in _LEVELS for name, act in level.items()}


class ArithmeticFault(Exception):
    """Not an expression, or a division by zero."""


class Variables(Protocol):
    """The variables that an expression may read and set."""

    def variable(self, name: str) -> str | None: ...

    def assign(self, name: str, value: str) -> None: ...


def evaluate(text: str, variables: Variables) -> int:
    """The value of an expression; 0 for an empty one."""
    return _ExpressionReader(text, variables).whole()


class _ExpressionReader:
    def __init__(self, text: str, variables: Variables) -> None:
        self._tokens: list[str] = []
        self._variables = variables
        at, text = 0, text.strip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise ArithmeticFault("arithmetic syntax error")
            self._tokens.append(found[1])
            at = found.end()

    def whole(self) -> int:
        if not self._tokens:
            return 0
        value = self._several()
        if self._tokens:
            raise ArithmeticFault("arithmetic syntax error")
        return value

    def _several(self) -> int:
        """`a, b`: the last one counts."""
        value = self._assignment()
        while self._next() == ",":
            self._take(",")
            value = self._assignment()
        return value

    def _next(self, ahead: int = 0) -> str:
        return self._tokens[ahead] if len(self._tokens) > ahead else ""

    def _assignment(self) -> int:
        name, mark = self._next(), self._next(1)
        if re.match(r"[A-Za-z_]", name) and mark.endswith("=") and mark not in _ALL:
            del self._tokens[:2]
            value = self._assignment()
            if mark != "=":
                value = _ALL[mark[:-1]](self._value(name), value)
            self._variables.assign(name, str(value))
            return value
        return self._choice()

    def _choice(self) -> int:
        condition = self._level(0)
        if self._next() != "?":
            return condition
        self._take("?")
        first = self._assignment()
        self._take(":")
        second = self._choice()
        return first if condition else second

    def _level(self, number: int) -> int:
        if number == len(_LEVELS):
            return self._power()
        value = self._level(number + 1)
        while self._next() in _LEVELS[number]:
            act = _LEVELS[number][self._tokens.pop(0)]
            value = act(value, self._level(number + 1))
        return value

    def _power(self) -> int:
        base = self._unary()
        if self._next() != "**":
            return base
        self._take("**")
        exponent = self._power()
        if exponent < 0:
            raise ArithmeticFault("exponent less than 0")
        return int(base**exponent)

    def _unary(self) -> int:
        token = self._next()
        if token in ("-", "+", "!", "~"):
            self._take(token)
            value = self._unary()
            return {"-": -value, "+": value, "!": int(not value), "~": ~value}[token]
        if token in ("++", "--"):
            self._take(token)
            return self._stepped(self._tokens.pop(0), token)
        return self._primary()

    def _primary(self) -> int:
        token = self._next()
        if token == "(":
            self._take("(")
            value = self._several()
            self._take(")")
            return value
        if not re.match(r"\w", token):
            raise ArithmeticFault("arithmetic syntax error")
        self._take(token)
        if token[0].isdigit():
            return _number(token)
        if self._next() in ("++", "--"):
            before = self._value(token)
            self._stepped(token, self._tokens.pop(0))
            return before
        return self._value(token)

    def _stepped(self, name: str, mark: str) -> int:
        value = self._value(name) + (1 if mark == "++" else -1)
        self._variables.assign(name, str(value))
        return value

    def _value(self, name: str) -> int:
        return _number((self._variables.variable(name) or "0").strip() or "0")

    def _take(self, token: str) -> None:
        if self._next() != token:
            raise ArithmeticFault("arithmetic syntax error")
        del self._tokens[0]


def _number(text: str) -> int:
    try:
        return int(text, 8 if re.fullmatch(r"[-+]?0\d+", text) else 0)
    except ValueError:
        raise ArithmeticFault(f"bad number: {text}") from None


def _quotient(a: int, b: int) -> int:
    if b == 0:
        raise ArithmeticFault("divide by zero")
    return int(a / b) if abs(a) < 2**52 else (abs(a) // abs(b)) * (1 if a * b > 0 else -1)


def _remainder(a: int, b: int) -> int:
    return a - b * _quotient(a, b)
