"""Keys and values of a ledger: a value names its key and carries its own checksum.

`KEY~MILLISECONDS~PADDING~CRC32`, of letters, digits, `.`, `-` and `~` only: it passes through URLs,
JSON, SQL and command lines unchanged, and is found again in any text, whatever surrounds it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from zlib import crc32

from resilience.ledger.records import Found

DIGITS = 8
LEAST = 32
"""Padding is added up to the requested size; a value is never shorter than its own fields."""

_PAD = "resilience"


def prefix(run: str, name: str) -> str:
    """The prefix of all keys of one ledger of one run; no other ledger has this prefix."""
    return f"{run}.{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-') or 'ledger'}."


def is_prefix(start: str, run: str) -> bool:
    """Whether it is the prefix of a ledger of that run."""
    return re.fullmatch(rf"{re.escape(run)}\.[a-z0-9-]+\.", start) is not None


def own(names: Iterable[str], start: str) -> list[str]:
    """The names that are keys with that prefix, sorted, since a store may contain other keys."""
    form = re.compile(rf"{re.escape(start)}[0-9]{{{DIGITS}}}")
    return sorted(name for name in names if form.fullmatch(name))


def key(start: str, seq: int) -> str:
    """Unique in the run and ordered by time, so that a range of losses shows."""
    return f"{start}{seq:0{DIGITS}d}"


def value(key: str, wall: float, size: int) -> str:
    """The text to write under `key`; `wall` is seconds since the epoch."""
    head = f"{key}~{round(wall * 1000)}~"
    room = max(0, size - len(head) - 9)
    body = head + (_PAD * (room // len(_PAD) + 1))[:room] + "~"
    return f"{body}{_sum(body)}"


def scan(text: str, start: str) -> Found:
    """The run's keys and values in a text. A key without a whole value is corrupt."""
    known = re.escape(start) + rf"[0-9]{{{DIGITS}}}"
    whole = Counter(
        match[2]
        for match in re.finditer(rf"(({known})~[0-9]+~[a-z]*~)([0-9a-f]{{8}})", text)
        if _sum(match[1]) == match[3]
    )
    named = set(re.findall(known, text))
    return Found(values=whole, corrupt=frozenset(named - set(whole)))


def of_key(text: str, key: str, start: str) -> Found:
    """The result of a read of one key; any text other than its value is corrupt."""
    found = scan(text, start)
    if key in found.values:
        return found
    strange = bool(text.strip())
    return Found(values=found.values, corrupt=found.corrupt | ({key} if strange else set()))


def _sum(text: str) -> str:
    return f"{crc32(text.encode()):08x}"
