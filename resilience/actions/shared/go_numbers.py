"""Numbers as Go's strconv reads and writes them, as far as YAML and JSON need it. Pure."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Any

LEAST, MOST, MOST_UNSIGNED = -(2**63), 2**63 - 1, 2**64 - 1

FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
AFTER_DOT = re.compile(r"\.[0-9]+([eE][-+]?[0-9]+)?")
DIGITS = {
    2: re.compile(r"0[bB]([01]+)"),
    8: re.compile(r"0[oO]?([0-7]+)"),
    16: re.compile(r"0[xX]([0-9a-fA-F]+)"),
    10: re.compile(r"(0|[1-9][0-9]*)"),
}

Wrong = Callable[[str], Exception]


def number(text: str) -> int | float | None:
    """The number that a plain scalar denotes, None when it is text."""
    if text[:1] == ".":
        return _float(text) if AFTER_DOT.fullmatch(text) else None
    if text[:1] not in "+-0123456789":
        return None
    plain = text.replace("_", "")
    found = _integer(plain)
    if found is None and FLOAT.fullmatch(plain):
        return _float(plain)
    return found


def _integer(plain: str) -> int | None:
    """strconv.ParseInt with base 0, then ParseUint, which takes no sign."""
    sign, digits = ("-", plain[1:]) if plain[:1] == "-" else ("", plain.removeprefix("+"))
    for base, pattern in DIGITS.items():
        if match := pattern.fullmatch(digits):
            found = int(sign + match[1], base)
            signed = plain[:1] in ("-", "+")
            return found if LEAST <= found <= (MOST if signed else MOST_UNSIGNED) else None
    return None


def _float(plain: str) -> float | None:
    """None where Go's ParseFloat reports it as out of range."""
    found = float(plain)
    return None if math.isinf(found) else found


def as_json(value: Any, wrong: Wrong) -> Any:
    """The number after Go has written it as JSON and read it again."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise wrong(f"JSON has no {value}")
        if value != int(value) or abs(value) >= 1e21:
            return value
        value = int(Decimal(repr(value)))  # Go writes the fewest digits, followed by zeros
    return value if LEAST <= value <= MOST else float(value)


def as_key(value: Any, wrong: Wrong) -> str:
    """A mapping's key as text: JSON has no other keys."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return _shortest(value)
    if isinstance(value, int) and value <= MOST:
        return str(value)
    raise wrong(f"unsupported map key: {'null' if value is None else value}")


def _shortest(value: float) -> str:
    """strconv.FormatFloat(value, 'g', -1, 32)."""
    if math.isnan(value):
        return ".nan"
    try:
        (single,) = struct.unpack("f", struct.pack("f", value))
    except OverflowError:
        single = math.copysign(math.inf, value)
    if math.isinf(single):
        return "-.inf" if single < 0 else ".inf"
    text = next(
        f"{single:.{places}e}"
        for places in range(17)
        if struct.pack("f", float(f"{single:.{places}e}")) == struct.pack("f", single)
    )
    mantissa, exponent = text.split("e")
    if not -4 <= int(exponent) < 6:
        return f"{mantissa}e{int(exponent):+03d}"
    digits = len(mantissa.lstrip("-").replace(".", ""))
    return f"{float(text):.{max(0, digits - 1 - int(exponent))}f}"
