"""Prints a command's output: each line masked and without control characters.

Names, messages and reasons come from clusters and stores; none of them may control the terminal.
`tests/commands/test_saying.py` checks that every command prints through this module.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TextIO

from resilience.model.masks import shown


def say(text: str | Iterable[str], stream: TextIO | None = None) -> None:
    """One text, or one line each, to stdout unless `stream` is given. Written at once."""
    lines = [text] if isinstance(text, str) else text
    out = stream or sys.stdout
    for line in lines:
        print(shown(line), file=out, flush=True)


def warn(text: str | Iterable[str]) -> None:
    """The same to stderr."""
    say(text, sys.stderr)
