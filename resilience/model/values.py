"""Typed values of the scenario language: durations, shares, rates, sizes, ratios, references.

Every value has a `parse` that takes the text from a file and raises `ValueError` with what was
expected, and a `str` whose text parses to an equal value. Nothing downstream of the language sees
these as strings. No I/O, no clock.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar, NewType, Self

RunId = NewType("RunId", str)
"""One run of one scenario; used in the journal, the User-Agent, labels and the report."""

_UNITS = {
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "m": Fraction(60),
    "h": Fraction(3600),
    "d": Fraction(86400),
}
# Bounded digits: longer numbers have no use here and make Python's own conversions fail.
_NUMBER = r"[0-9]{1,15}(?:\.[0-9]{1,9})?"
_DURATION = re.compile(rf"({_NUMBER})(ms|s|m|h|d)")
_LONGEST = 100 * 366 * 86400
_SIZES = {
    "": 1,
    "k": 1000,
    "M": 1000**2,
    "G": 1000**3,
    "T": 1000**4,
    "Ki": 1024,
    "Mi": 1024**2,
    "Gi": 1024**3,
    "Ti": 1024**4,
}


_DIGITS = 15
"""More decimals than any parsed value can need."""
_SCALE: int = 10**15


def _terminates(value: Fraction) -> bool:
    return (value * _SCALE).denominator == 1


def _decimal(value: Fraction) -> str:
    """Exact where the value has at most `_DIGITS` decimals."""
    whole, rest = divmod(round(value * _SCALE), _SCALE)
    decimals = f"{rest:0{_DIGITS}}".rstrip("0")
    return f"{whole}.{decimals}" if decimals else str(whole)


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A length of time, exact. `300ms`, `2s`, `1.5s`, `1m30s`, `26h`, `7d`."""

    exact: Fraction

    @classmethod
    def parse(cls, text: str) -> Self:
        """Units may be combined from large to small, each once; a bare `0` needs no unit. At most
        100 years, and no finer than a nanosecond."""
        if text == "0":
            return cls(Fraction(0))
        parts = _DURATION.findall(text)
        units = [unit for _, unit in parts]
        order = [unit for unit in reversed(_UNITS) if unit in units]
        value = sum((Fraction(n) * _UNITS[u] for n, u in parts), Fraction(0))
        whole = "".join(n + u for n, u in parts) == text and units == order
        if not parts or not whole or value > _LONGEST or (value * 10**9).denominator != 1:
            raise ValueError("a duration with its unit, such as 300ms, 2s, 5m, 1m30s or 26h")
        return cls(value)

    @classmethod
    def of(cls, seconds: float | Fraction) -> Self:
        """From a number of seconds, to the nanosecond."""
        return cls(Fraction(round(Fraction(seconds) * 10**9), 10**9))

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return float(self.exact)

    def __str__(self) -> str:
        for unit in ("d", "h", "m", "s"):
            if self.exact and self.exact % _UNITS[unit] == 0:
                return f"{self.exact // _UNITS[unit]}{unit}"
        if self.exact and self.exact < 1:
            return f"{_decimal(self.exact * 1000)}ms"
        return f"{_decimal(self.exact)}s"


@dataclass(frozen=True, slots=True, order=True)
class Share:
    """A part of a whole, exact: `50%`, `1/3`, `100%`. Always above 0 and at most 1."""

    exact: Fraction

    @classmethod
    def parse(cls, text: str) -> Self:
        """A percentage or a fraction."""
        value = _ratio(text)
        if value is None or not 0 < value <= 1:
            raise ValueError("a share above 0 and up to 100%, such as 50% or 1/3")
        return cls(value)

    def of(self, count: int) -> int:
        """That share of `count`, rounded down (1/3 of 2 is 0)."""
        return int(self.exact * count)

    def __str__(self) -> str:
        return _ratio_text(self.exact)


@dataclass(frozen=True, slots=True, order=True)
class Availability:
    """The required share of good answers: `99%`, `99.9%`, `100%`. At least 0, at most 1."""

    exact: Fraction

    @classmethod
    def parse(cls, text: str) -> Self:
        """A percentage; a bare number would be ambiguous (is 1 one percent or all?)."""
        value = _ratio(text) if text.endswith("%") else None
        if value is None or not 0 <= value <= 1:
            raise ValueError("a percentage from 0% to 100%, such as 99.9%")
        return cls(value)

    @property
    def ratio(self) -> float:
        """Between 0.0 and 1.0."""
        return float(self.exact)

    @property
    def samples_needed(self) -> int:
        """How many samples it takes to judge this availability at all: 3/(1-A), by the rule of
        three. 100% demands that no request of this run fails, which no number of samples proves
        about a service; it needs as many as 99% does.
        """
        return math.ceil(3 / (1 - self.exact)) if self.exact < 1 else 300

    def __str__(self) -> str:
        return f"{_decimal(self.exact * 100)}%"


@dataclass(frozen=True, slots=True, order=True)
class Rate:
    """How often something happens: `50/s`, `30/m`, `0.5/s`."""

    per_second: Fraction

    @classmethod
    def parse(cls, text: str) -> Self:
        """A number above zero, per `s`, `m` or `h`."""
        match = re.fullmatch(rf"({_NUMBER})/(s|m|h)", text)
        if not match or not Fraction(match[1]):
            raise ValueError("a rate such as 50/s or 30/m")
        return cls(Fraction(match[1]) / _UNITS[match[2]])

    @property
    def interval(self) -> float:
        """Seconds between two requests."""
        return float(1 / self.per_second)

    def __str__(self) -> str:
        told = [(self.per_second * _UNITS[unit], unit) for unit in ("s", "m", "h")]
        exact = [(number, unit) for number, unit in told if _terminates(number)] or told
        number, unit = next((pair for pair in exact if pair[0] >= 1), exact[-1])
        return f"{_decimal(number)}/{unit}"


@dataclass(frozen=True, slots=True, order=True)
class Size:
    """A number of bytes: `10Mi`, `512Ki`, `2G`, `100`."""

    bytes: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Kubernetes' binary (`Ki`, `Mi`, `Gi`) and decimal (`k`, `M`, `G`) suffixes."""
        match = re.fullmatch(r"([0-9]{1,18})(Ki|Mi|Gi|Ti|k|M|G|T)?", text)
        if not match:
            raise ValueError("a size such as 10Mi, 512Ki or 2G")
        return cls(int(match[1]) * _SIZES[match[2] or ""])

    def __str__(self) -> str:
        for unit in ("Ti", "Gi", "Mi", "Ki"):
            if self.bytes and self.bytes % _SIZES[unit] == 0:
                return f"{self.bytes // _SIZES[unit]}{unit}"
        return str(self.bytes)


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """A workload by kind and name, as kubectl writes it: `deployment/checkout`. `kind` is lower
    case singular as typed after alias resolution (`deploy` becomes `deployment`)."""

    kind: str
    name: str

    ALIASES: ClassVar[Mapping[str, str]] = {
        "deploy": "deployment",
        "deployments": "deployment",
        "sts": "statefulset",
        "statefulsets": "statefulset",
        "ds": "daemonset",
        "daemonsets": "daemonset",
        "rs": "replicaset",
        "replicasets": "replicaset",
        "rc": "replicationcontroller",
        "replicationcontrollers": "replicationcontroller",
        "po": "pod",
        "pods": "pod",
        "jobs": "job",
        "cj": "cronjob",
        "cronjobs": "cronjob",
        "no": "node",
        "nodes": "node",
    }

    @classmethod
    def parse(cls, text: str) -> Self:
        """`kind/name`, both as kubectl accepts them for built-in workloads."""
        kind, slash, name = text.partition("/")
        kind = cls.ALIASES.get(kind.lower(), kind.lower())
        if not slash or kind not in set(cls.ALIASES.values()) or not _NAME.fullmatch(name):
            raise ValueError("a reference such as deployment/checkout or statefulset/db")
        return cls(kind, name)

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")


def _ratio(text: str) -> Fraction | None:
    if match := re.fullmatch(rf"({_NUMBER})%", text):
        return Fraction(match[1]) / 100
    if (match := re.fullmatch(r"([0-9]{1,15})/([0-9]{1,15})", text)) and int(match[2]):
        return Fraction(int(match[1]), int(match[2]))
    return None


def _ratio_text(value: Fraction) -> str:
    percent = value * 100
    return f"{_decimal(percent)}%" if (percent * 10**4).denominator == 1 else _fraction(value)


def _fraction(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"
