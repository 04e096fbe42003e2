"""Recognizes scenario and plan files: by name, or, on the command line, by their first key.

If pytest collected nothing, `hints` says why: pytest says `not found` of a manifest, and nothing of
a folder in which the scenarios have other names. Only paths on the command line are looked at:
users of other plugins see nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from resilience.harness import SUFFIXES

KEYS = ("scenario:", "plan:")

ENOUGH = 16 * 1024
"""Number of bytes in which a first key is searched, enough for a licence text above it."""

MOST = 500
"""Files below one folder whose first key is read."""


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


def hints(paths: Sequence[Path], globs: Sequence[str], here: Path) -> Iterator[str]:
    """One line for each path that was meant for us, with what was expected."""
    for path in paths:
        if path.is_dir():
            yield from _misnamed(path, globs, here)
        elif path.suffix in SUFFIXES and path.is_file() and not begins_like_ours(path):
            yield (
                f"{near(path, here)} is neither a scenario nor a plan; expected `scenario: TITLE`"
                " or `plan: NAME` as its first key"
            )


def none_below(paths: Sequence[Path], globs: Sequence[str], here: Path) -> Iterator[str]:
    """One line for each folder without a file that is named like ours."""
    for path in paths:
        if path.is_dir() and not any(named_like_ours(each, globs) for each in _files(path)):
            yield f"no file in {near(path, here)} is named like {' or '.join(globs)}"


def _misnamed(folder: Path, globs: Sequence[str], here: Path) -> Iterator[str]:
    for path in _files(folder):
        if begins_like_ours(path) and not named_like_ours(path, globs):
            yield (
                f"{near(path, here)} begins like a scenario or plan, but its name is none of"
                f" {' '.join(globs)}; rename it, or give the file itself"
            )


def _files(folder: Path) -> list[Path]:
    """Without hidden folders, such as `.venv`."""
    found = (
        path
        for path in folder.rglob("*.y*ml")
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    return sorted(path for path, _ in zip(found, range(MOST), strict=False))
