"""Numbers in readable form: `2 Pods`, `99.1%`, `320ms`. Pure.

Rounding never hides a missed objective: a ratio is truncated, not rounded.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction


def many(count: int, noun: str) -> str:
    """`1 restart`, `3 restarts`; `noun` is the singular of a regular one."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def percent(ratio: Fraction | float) -> str:
    """`99.123%`; truncated, not rounded, so that 98.9999 never reads as 99."""
    text = f"{math.floor(Fraction(ratio) * 100_000) / 1000:.3f}".rstrip("0").rstrip(".")
    return f"{text}%"


def span(seconds: float) -> str:
    """`320ms`, `1.24s`, `2m 5s`, `26h 0m`."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.3g}ms" if seconds < 0.1 else f"{seconds * 1000:.0f}ms"
    if seconds < 119.95:
        return f"{seconds:.2f}".rstrip("0").rstrip(".") + "s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 120:
        return f"{minutes}m {rest}s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours}h {minutes}m"


def counts(numbers: Mapping[str, int], most: int = 5) -> str:
    """`7 connection refused, 2 timed out`, the most frequent first."""
    ordered = sorted(numbers.items(), key=lambda item: (-item[1], item[0]))
    listed = [f"{count:,} {what}" for what, count in ordered[:most]]
    left = sum(count for _, count in ordered[most:])
    return ", ".join([*listed, f"{left:,} others"] if left else listed)


def unreadable(error: OSError) -> str:
    """Why a file cannot be used, for after its name: `is a directory`."""
    return (error.strerror or "unreadable").lower()


def printable(text: str) -> str:
    """Text from elsewhere, made safe for a terminal or a CI log: no control characters but line
    ends and tabs, nothing that GitHub would take for a workflow command (`::error ...` at the
    beginning of a line, `##[...]` anywhere), and nothing that Azure Pipelines or TeamCity would
    (`##vso[...]`).

    Idempotent: clean text is returned unchanged."""
    if not text.replace("\n", "").replace("\t", "").isprintable():  # rare, and slow for megabytes
        kept = (c if c in "\n\t" or c.isprintable() else _NOT_SHOWN for c in text)
        text = "".join(kept)
    if ":" not in text and "#" not in text:
        return text
    text = re.sub(r"(?m)^([^\S\n]*)(::)", r"\1|\2", text)
    return re.sub(r"##(?=\w*\[)", "#|#", text)


_NOT_SHOWN = "\N{REPLACEMENT CHARACTER}"


def one_line(text: str) -> str:
    """The same for a text that is one line: a name, a reason."""
    return printable(re.sub(r"[\n\t]", _NOT_SHOWN, text))


def told(names: Sequence[str], most: int = 5) -> str:
    """`a, b and 48 more`."""
    if len(names) <= most + 1:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"
