"""Reading a container instance's log back: tail, since, limit, with or without times.

The file's lines are in the form of `logs`. A P line is the start of a longer one: it is returned
without a newline.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOptions:
    """The options of `kubectl logs`; `since` in the stamps' own form, "" for all."""

    tail: int | None = None
    since: str = ""
    limit: int | None = None
    timestamps: bool = False


def content(line: bytes, *, timestamps: bool) -> bytes:
    """One stored line in the form that clients get."""
    stamp, _, tag, text = line.rstrip(b"\n").split(b" ", 3)
    return (stamp + b" " if timestamps else b"") + text + (b"\n" if tag == b"F" else b"")


def read(path: Path, wanted: LogOptions) -> Iterator[bytes]:
    """The requested pieces of the current content, oldest first."""
    left = wanted.limit
    for line in _lines(path, wanted.tail):
        if wanted.since and line[: len(wanted.since)].decode() < wanted.since:
            continue
        piece = content(line, timestamps=wanted.timestamps)
        if left is not None:
            piece, left = piece[:left], left - min(left, len(piece))
        if piece:
            yield piece
        if left == 0:
            return


def _lines(path: Path, tail: int | None) -> Iterator[bytes]:
    stored = [path.with_suffix(".log.1"), path]
    if tail is None:
        for part in stored:
            if part.exists():
                with part.open("rb") as file:
                    yield from file
        return
    found: list[bytes] = []
    for part in reversed(stored):
        if len(found) < tail and part.exists():
            found = _last_lines(part, tail - len(found)) + found
    yield from found


def _last_lines(path: Path, count: int) -> list[bytes]:
    """The last `count` lines of a file, without reading all of it."""
    with path.open("rb") as file:
        place = file.seek(0, 2)
        data = b""
        while place > 0 and data.count(b"\n") <= count:
            step = min(BLOCK, place)
            place -= step
            file.seek(place)
            data = file.read(step) + data
    return data.splitlines(keepends=True)[-count:] if count else []


def tail_text(path: Path, limit: int) -> str:
    """The end of a log, at most 80 lines and `limit` bytes (FallbackToLogsOnError)."""
    if not path.exists():
        return ""
    lines = [content(line, timestamps=False) for line in _last_lines(path, 80)]
    return b"".join(lines)[-limit:].decode(errors="replace")
