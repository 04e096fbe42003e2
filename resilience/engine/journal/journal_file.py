"""The journal's local file: `DIRECTORY/RUN.jsonl`, synced line by line, locked by its writer.

The lock (flock) shows other processes that the writer is alive: a file with a free lock was left by
a dead run. A recovery takes the lock, so two recoveries never work on the same file. A finished
file is removed. Local disks only: flock does not work on most network file systems.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from resilience.engine.journal.journal import Journal, NotRecorded, Story, Undo, fold
from resilience.engine.journal.line_form import Line, parsed
from resilience.model.values import RunId


class JournalFile:
    """A sink that appends to one file and syncs each line before it returns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle = _open_locked(path)

    def append(self, line: Line) -> None:
        """One JSON line, on the disk when this returns. If a line does not fit (a full disk, a size
        limit), its partial content is removed, so that the next line is complete."""
        text = json.dumps(line, separators=(",", ":"), sort_keys=True) + "\n"
        whole = os.fstat(self._handle).st_size
        try:
            _write_all(self._handle, text.encode())
            os.fsync(self._handle)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._handle, whole)
            raise NotRecorded(str(self.path), error) from error

    def close(self, *, finished: bool) -> None:
        """Release the lock; delete the file when nothing in it is left to do."""
        try:
            if finished:
                self.path.unlink(missing_ok=True)
        except OSError as error:
            raise NotRecorded(str(self.path), error) from error
        finally:
            os.close(self._handle)


def _write_all(handle: int, content: bytes) -> None:
    while content:
        content = content[os.write(handle, content) :]


def create(directory: Path, run: RunId) -> JournalFile:
    """Create the file of a new run; the directory entry is synced as well. Raises NotRecorded if
    the file cannot be created."""
    path = directory / f"{run}.jsonl"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        ignore = directory.parent / ".gitignore"
        if directory.parent.name == ".resilience" and not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
        sink = JournalFile(path)
        _sync(directory)
    except OSError as error:
        raise NotRecorded(str(path), error) from error
    return sink


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read(path: Path) -> Story:
    """The content of a file. A torn last line is ignored; reading stops at a damaged line before
    it, because what follows cannot be trusted."""
    return fold(parsed(text) for text in path.read_bytes().split(b"\n")[:-1])


def read_if_any(path: Path) -> Story:
    """The content of a file; empty if there is no file."""
    try:
        return read(path)
    except FileNotFoundError:
        return fold(())


def record_of(undo: Undo) -> str:
    """What identifies a record: its verb and data, but not its text and its state."""
    return json.dumps([undo.id, undo.verb, undo.data], sort_keys=True)


def left_behind(directory: Path) -> Sequence[Path]:
    """Files of runs whose writer has ended, oldest first. Runs on other workers end at any time,
    and remove theirs."""
    found = []
    for path in directory.glob("*.jsonl"):
        with suppress(FileNotFoundError):
            found.append((path.stat().st_mtime, path.name, path))
    return [path for *_, path in sorted(found) if not _is_locked(path)]


def stories_left(directory: Path) -> Sequence[tuple[Path, Story]]:
    """The same, with what each says."""
    found = []
    for path in left_behind(directory):
        with suppress(FileNotFoundError):
            found.append((path, read(path)))
    return found


@contextmanager
def reopened(path: Path, *, forget: bool = False) -> Iterator[tuple[Story, Journal] | None]:
    """Take over the file of a dead run; None when another process has it. The body records its
    progress in the same file. The file is removed once nothing is left; a damaged file only by
    `forget`."""
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
        if story.broken and not forget:
            sink.close(finished=False)  # the rest of it is unknown
        else:
            journal.close()


def _end_last_line(path: Path, sink: JournalFile) -> None:
    """Cut off a torn last line, so that the next line is not appended to it."""
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole != len(content):
        os.truncate(path, whole)


def _open_locked(path: Path) -> int:
    """An open, locked file; BlockingIOError when another process has it."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(handle).st_nlink == 0:  # its owner finished it a moment ago
            raise BlockingIOError(str(path))
    except BaseException:
        os.close(handle)
        raise
    return handle


def _is_locked(path: Path) -> bool:
    """Whether another process has the file; also true for another user's file and for one that no
    longer exists."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False  # closing the file releases it
    except (BlockingIOError, PermissionError, FileNotFoundError):
        return True
