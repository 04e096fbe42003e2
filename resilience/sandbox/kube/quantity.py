"""Kubernetes quantities ("250m", "1.5Gi", "1e3") as exact fractions, and back.

Source: k8s.io/apimachinery/pkg/api/resource/quantity.go.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

PATTERN = re.compile(
    r"^([+-]?(?:\d+(?:\.\d*)?|\.\d+))(?:([eE][+-]?\d{1,3})|(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E)?)$"
)
_FACTORS = {
    "": Fraction(1),
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "k": Fraction(10**3),
    "M": Fraction(10**6),
    "G": Fraction(10**9),
    "T": Fraction(10**12),
    "P": Fraction(10**15),
    "E": Fraction(10**18),
    "Ki": Fraction(2**10),
    "Mi": Fraction(2**20),
    "Gi": Fraction(2**30),
    "Ti": Fraction(2**40),
    "Pi": Fraction(2**50),
    "Ei": Fraction(2**60),
}
_BINARY = ("Ei", "Pi", "Ti", "Gi", "Mi", "Ki")
_DECIMAL = ("E", "P", "T", "G", "M", "k")


def parse(value: Any) -> Fraction:
    """ValueError for an invalid quantity. Numbers count as their decimal text."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("quantities must be text or a number")
    text = str(value)
    match = PATTERN.match(text) if len(text) <= 100 else None
    if match is None:
        raise ValueError(
            "quantities must match the regular expression"
            " '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
        )
    number, exponent, suffix = match.groups()
    factor = Fraction(10) ** int(exponent[1:]) if exponent else _FACTORS[suffix or ""]
    return Fraction(number) * factor


def parse_or_none(value: Any) -> Fraction | None:
    """None for an absent or invalid quantity."""
    try:
        return None if value is None else parse(value)
    except ValueError:
        return None


def canonical(value: Any) -> str:
    """The text that the API server stores for a quantity; ValueError for an invalid one.

    "1000m" is "1", "0.5" is "500m", "1024Mi" is "1Gi"; a power of ten stays one ("12e6").
    """
    amount = parse(value)
    match = PATTERN.match(str(value))
    exponent, suffix = (match[2], match[3] or "") if match else (None, "")
    if exponent and amount.denominator == 1:
        digits, power = amount.numerator, 0
        while digits and digits % 1000 == 0:
            digits, power = digits // 1000, power + 3
        return f"{digits}e{power}" if power else str(digits)
    binary = suffix.endswith("i") and abs(amount) >= 1024
    return text(amount, binary=binary)


def text(amount: Fraction, *, binary: bool = False) -> str:
    """The canonical text: the largest unit that keeps a whole number, thousandths otherwise."""
    for suffix in _BINARY if binary else _DECIMAL:
        scaled = amount / _FACTORS[suffix]
        if amount and scaled.denominator == 1:
            return f"{scaled.numerator}{suffix}"
    if amount.denominator == 1:
        return str(amount.numerator)
    for suffix in ("m", "u", "n"):
        scaled = amount / _FACTORS[suffix]
        if scaled.denominator == 1 or suffix == "n":
            return f"{-(-scaled.numerator // scaled.denominator)}{suffix}"
    raise AssertionError("nanos always end the loop")
