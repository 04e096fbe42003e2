"""Recognizes scenario and plan files: by name, or, on the command line, by their first key."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

SUFFIXES = (".yaml", ".yml")

KEYS = ("scenario:", "plan:")

ENOUGH = 16 * 1024
"""Number of bytes in which a first key is searched, enough for a licence text above it."""


def named_like_ours(path: Path, globs: Sequence[str]) -> bool:
    """Whether one of the globs matches the file name."""
    return any(path.match(glob) for glob in globs)


def begins_like_ours(path: Path) -> bool:
    """Whether the first key of the file is `scenario:` or `plan:`."""
    try:
        with path.open("rb") as file:
            text = file.read(ENOUGH).decode("utf-8-sig", "replace")
    except OSError:
        return False
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith(("#", "---", "%")):
            return line.startswith(KEYS)
    return False


def near(path: Path, directory: Path) -> Path:
    """The path relative to `directory`, as reports and messages show it."""
    return path.relative_to(directory) if path.is_relative_to(directory) else path
