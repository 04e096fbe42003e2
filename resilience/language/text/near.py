"""Finds the known word most similar to an unknown one, and formats lists of words."""

from __future__ import annotations

from collections.abc import Iterable

from resilience.model import nearest as words


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that was most likely meant, in backquotes; "" when none is close."""
    return "".join(quoted(name) for name in words.nearest(word, known))


_SYNONYMS = {
    "within": ("timeout", "deadline", "wait", "wait_for"),
    "share": ("percent", "percentage", "ratio", "fraction"),
    "count": ("number", "quantity", "amount"),
    "pods": ("selector", "labels", "label_selector", "match_labels", "app"),
    "grace": ("grace_period", "grace_period_seconds", "graceperiod", "graceperiodseconds"),
    "objective": ("slo", "threshold", "tolerance", "promise"),
    "rate": ("rps", "qps", "frequency", "interval"),
    "status": ("code", "status_code", "expected_status"),
    "service": ("svc", "target", "host"),
    "optional": ("ignore_errors", "continue_on_error", "allow_failure"),
}
"""The names that other tools, and other parts of Kubernetes, use for a key of this language."""


def meant(key: str, known: Iterable[str]) -> str:
    """The known key for an unknown one: by its meaning elsewhere, else the nearest word."""
    there = list(known)
    plain = key.lower().replace("-", "_")
    others = [ours for ours, theirs in _SYNONYMS.items() if plain in theirs and ours in there]
    return quoted(others[0]) if others else nearest(key, there)


def quoted(word: str) -> str:
    """A word as the user wrote it, on one line, truncated where it would flood a terminal."""
    line = word.encode("unicode_escape").decode("ascii") if not word.isprintable() else word
    return f"`{line[:60]}...`" if len(line) > 64 else f"`{line}`"


def listed(words: Iterable[str], last: str = "or") -> str:
    """`a`, `a or b`, `a, b or c`."""
    items = list(words)
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"
