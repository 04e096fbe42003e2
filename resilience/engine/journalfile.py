"""The journal's local file: `DIRECTORY/RUN.jsonl`, synced line by line, locked by its writer.

The lock (flock) is how everybody else knows that the writer lives: a file whose lock is free was
left behind. It is taken by whoever replays the file, so two recoveries cannot meet. A finished
file is removed. Local disks only: flock means nothing on most network file systems.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from resilience.engine.journal import Journal, Line, Story, fold
from resilience.model.values import RunId


class JournalFile:
    """A sink that appends to one file and syncs each line before it returns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = _open_locked(path)

    def append(self, line: Line) -> None:
        """One JSON line, on the disk when this returns."""
        self._file.write(json.dumps(line, separators=(",", ":"), sort_keys=True) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self, *, finished: bool) -> None:
        """Let go of the lock; remove the file when nothing in it is left to do."""
        if finished:
            self.path.unlink(missing_ok=True)
        self._file.close()


def create(directory: Path, run: RunId) -> JournalFile:
    """A new file for a run that begins; the directory's entry is synced too."""
    directory.mkdir(parents=True, exist_ok=True)
    ignore = directory.parent / ".gitignore"
    if directory.parent.name == ".resilience" and not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")
    sink = JournalFile(directory / f"{run}.jsonl")
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    return sink


def read(path: Path) -> Story:
    """What a file says. A torn last line is passed over; a broken line before it ends the story
    there, because what came after cannot be trusted."""
    lines: list[Line] = []
    for text in path.read_bytes().split(b"\n")[:-1]:
        try:
            line = json.loads(text)
        except ValueError:
            break
        if not isinstance(line, dict):
            break
        lines.append(line)
    return fold(lines)


def left_behind(directory: Path) -> Sequence[Path]:
    """Files of runs whose writer is gone, oldest first."""
    files = sorted(directory.glob("*.jsonl"), key=lambda path: (path.stat().st_mtime, path.name))
    return [path for path in files if not _is_locked(path)]


@contextmanager
def reopened(path: Path) -> Iterator[tuple[Story, Journal] | None]:
    """Take over a file that was left behind; None when somebody else has it. What is done in the
    body goes to the same file, which is removed once nothing is left."""
    try:
        sink = JournalFile(path)
    except BlockingIOError:
        yield None
        return
    _end_last_line(path, sink)
    story = read(path)
    journal = Journal([sink], story.undos)
    try:
        yield story, journal
    finally:
        journal.close()


def _end_last_line(path: Path, sink: JournalFile) -> None:
    """Cut a torn last line off, so that the next append does not join it."""
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole != len(content):
        os.truncate(path, whole)


def _open_locked(path: Path) -> IO[str]:
    file = path.open("a", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise
    if os.fstat(file.fileno()).st_nlink == 0:  # its last owner finished it a moment ago
        file.close()
        raise BlockingIOError(str(path))
    return file


def _is_locked(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(file, fcntl.LOCK_UN)
        return False
