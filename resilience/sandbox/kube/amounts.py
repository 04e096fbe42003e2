"""Amounts of resources as the scheduler and quotas count them.

CPU in thousandths, everything else in whole units; both round up, as `MilliValue` and `Value` of
apimachinery's Quantity do.
"""

from __future__ import annotations

import math
from functools import lru_cache

from resilience.sandbox.kube.quantity import parse


@lru_cache(maxsize=8192)
def _amount(cpu: bool, text: str) -> int:
    exact = parse(text)
    return math.ceil(exact * 1000) if cpu else math.ceil(exact)


def amount(resource: str, value: str | float) -> int:
    """Thousandths for cpu, whole units for everything else; ValueError for an invalid quantity."""
    return _amount(resource == "cpu", str(value))
