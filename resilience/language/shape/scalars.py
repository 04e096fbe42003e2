"""The scalar types of the language: name, notation, parser and hints.

One row per type. The pattern is for editors (JSON Schema); the parser decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from resilience.kube.selectors import Selector
from resilience.language.shape import hints
from resilience.language.shape.shapes import Scalar
from resilience.model import error_budget
from resilience.model.error_budget import ErrorBudget
from resilience.model.values import Availability, Duration, Rate, Reference, Share, Size

_NUMBER = r"[0-9]+(\.[0-9]+)?"


def _whole(text: str) -> int:
    """No leading zeros, no exponent: `010` is 8 to some YAML parsers and 10 to others."""
    if not re.fullmatch(r"-?(0|[1-9][0-9]{0,17})", text):
        raise ValueError("a whole number such as 3")
    return int(text)


def _number(text: str) -> float:
    if not re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,15})?", text):
        raise ValueError("a number such as 3 or 0.5")
    return float(text)


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false") or text not in (
        text.lower(),
        text.upper(),
        text.capitalize(),
    ):
        raise ValueError("`true` or `false`")
    return text.lower() == "true"


def _of(
    name: str,
    parse: Callable[[str], Any],
    expected: str,
    hint: Callable[[str], str],
    pattern: str,
    beyond: Callable[[str], str] = lambda text: "",
) -> Scalar:
    """Values are immutable, and the same few texts occur in all files: each is parsed once."""
    remembered = lru_cache(maxsize=1024)(parse)
    return Scalar(
        name=name, expected=expected, parse=remembered, hint=hint, pattern=pattern, beyond=beyond
    )


SCALARS: Mapping[type[Any], Scalar] = {
    str: Scalar(name="text", expected="text", parse=str),
    int: _of("whole number", _whole, "a whole number such as 3", hints.whole, r"-?[0-9]+"),
    float: _of("number", _number, "a number such as 3 or 0.5", lambda text: "", rf"-?{_NUMBER}"),
    bool: _of("true or false", _boolean, "`true` or `false`", hints.boolean, "true|false"),
    Duration: _of(
        "duration",
        Duration.parse,
        "a duration with its unit, such as `300ms`, `2s`, `5m` or `1m30s`",
        hints.duration,
        rf"0|({_NUMBER}(ms|s|m|h|d))+",
    ),
    Share: _of(
        "share",
        Share.parse,
        "a share such as `50%` or `1/3`, above 0 and up to 100%",
        hints.share,
        rf"{_NUMBER}%|[0-9]+/[0-9]+",
    ),
    Availability: _of(
        "availability",
        Availability.parse,
        "a percentage from 0% to 100%, such as `99.9%`",
        hints.availability,
        rf"{_NUMBER}%",
    ),
    ErrorBudget: _of(
        "error budget",
        ErrorBudget.parse,
        error_budget.EXPECTED,
        hints.error_budget,
        rf"({_NUMBER}%|[0-9]+/[0-9]+) of .+",
    ),
    Rate: _of(
        "rate", Rate.parse, "a rate such as `50/s` or `30/m`", hints.rate, rf"{_NUMBER}/(s|m|h)"
    ),
    Size: _of(
        "size",
        Size.parse,
        "a size such as `10Mi`, `512Ki` or `2G`",
        hints.size,
        r"[0-9]+(Ki|Mi|Gi|Ti|k|M|G|T)?",
    ),
    Selector: _of(
        "label selector",
        Selector.parse,
        "a label selector such as `app=shop`, `tier!=db` or `zone in (a, b)`",
        hints.selector,
        ".+",
    ),
    Reference: _of(
        "reference",
        Reference.parse,
        "a reference such as `deployment/checkout` or `statefulset/db`",
        hints.reference,
        r"[A-Za-z]+/[a-z0-9]([-a-z0-9.]*[a-z0-9])?",
        hints.other_kind,
    ),
}
