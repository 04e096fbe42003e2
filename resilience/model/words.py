"""How numbers are told with what they count: `1 Pod`, `2 Pods`, `1,200 objects`. Pure."""

from __future__ import annotations


def many(count: int, noun: str) -> str:
    """`1 restart`, `3 restarts`; `noun` is the singular of a regular one."""
    return f"{count:,} {noun}{'s' * (count != 1)}"
