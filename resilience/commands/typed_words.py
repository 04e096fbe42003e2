"""Words of a command line that can mean nothing.

A shell passes "" where a variable is unset, and `restore -l "$TEAM"` must not restore everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from resilience.config.settings import EMPTY


def unusable(words: Sequence[str]) -> str:
    """What is wrong with them, "" if nothing is. The words of `run` go to pytest, where `-k ""` is
    usual."""
    for word in words:
        if not word.isascii() and not _is_text(word):
            return f"the argument {word!a} is not UTF-8"
    if words[:1] == ["run"]:
        return ""
    for before, word in pairwise(["", *words]):
        if word.startswith("--") and word.endswith("="):
            return f"{word[:-1]} {EMPTY}"
        if not word:
            return f"{before if before.startswith('-') else 'an argument'} {EMPTY}"
    return ""


def _is_text(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True
