"""Kubernetes quantities, as far as comparing two of them needs (apimachinery pkg/api/resource)."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?")
_SCALE = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1),
    "k": Decimal(10**3), "M": Decimal(10**6), "G": Decimal(10**9), "T": Decimal(10**12),
    "P": Decimal(10**15), "E": Decimal(10**18),
    **{f"{unit}i": Decimal(1024**power) for power, unit in enumerate("KMGTPE", 1)},
}  # fmt: skip


def amount(value: Any) -> Decimal | None:
    """`500m` -> 0.5; None if it is not a quantity."""
    found = _QUANTITY.fullmatch(str(value))
    if found is None:
        return None
    suffix = found[2] or ""
    scale = Decimal(f"1{suffix}") if suffix[:1] in "eE" and len(suffix) > 1 else _SCALE[suffix]
    return Decimal(found[1]) * scale
