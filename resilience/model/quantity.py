"""Kubernetes quantities (`100m`, `1.5`, `16Mi`, `2e3`) as exact numbers in base units.

The grammar is that of apimachinery's `resource.Quantity`, as far as requests and capacities need
it.
"""

from __future__ import annotations

import re
from fractions import Fraction

_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_QUANTITY = re.compile(
    r"([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)(?:([KMGTPE]i)|[eE]([+-]?\d+)|([numkMGTPE]?))"
)


def parse_quantity(text: str | int | float) -> Fraction:
    """Base units: cores, bytes, counts. ValueError when it is not a quantity."""
    match = _QUANTITY.fullmatch(str(text).strip())
    if match is None:
        raise ValueError(f"{text!r} is not a quantity, such as 100m, 1.5 or 16Mi")
    number, binary, exponent, decimal = match.groups()
    if binary:
        return Fraction(number) * int(1024 ** _BINARY[binary])
    power = int(exponent) if exponent else _DECIMAL[decimal or ""]
    scale: Fraction = Fraction(10) ** power
    return Fraction(number) * scale
