"""The directories of sandboxes: which are alive, and how dead ones are removed.

`BASE/ID/` holds everything of one sandbox. `BASE/ID/lock` is locked (flock) by the owner and the
reaper for as long as either is alive: a process that gets the lock may remove the directory, after
ending every process that still carries the sandbox's marker.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resilience.sandbox.host import memory_home, processes
from resilience.sandbox.host.sandbox_error import SandboxError

SOCKET_PATH_LIMIT = 107
"""Bytes in a Unix socket's path, `sun_path` without its final NUL (unix(7))."""
LONGEST_NAME = "kubelet.sock"
ENDING_DEADLINE = 5.0
LARGEST_LOG = 8 << 20
KEPT_OF_LOG = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxRecord:
    """What `status` shows about one sandbox, as its owner wrote it when it was ready."""

    id: str
    pid: int
    server: str
    kubeconfig: str
    nodes: int
    started: float
    expires: float | None
    background: bool = False
    """Whether it was detached. Any other belongs to a test run or a terminal that needs it."""


def base() -> Path:
    """The directory of all of this user's sandboxes: under TMPDIR, mode 0700, created on demand."""
    # Not `gettempdir` alone: it silently skips a TMPDIR that cannot be written.
    path = Path(os.environ.get("TMPDIR") or tempfile.gettempdir()) / f"resilience-{os.getuid()}"
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        owner = path.stat().st_uid
    except OSError as error:
        raise SandboxError(_unwritable(path, error)) from error
    if owner != os.getuid():
        raise SandboxError(f"{path} belongs to another user; set TMPDIR to a directory of your own")
    return path


def bound_logs(directory: Path) -> None:
    """Truncate every log that has grown large; its writers append."""
    for path in sorted(directory.glob("*.log")):
        size = path.stat().st_size
        if size <= LARGEST_LOG:
            continue
        with path.open("r+b") as file:
            file.seek(size - KEPT_OF_LOG)
            kept = file.read()
            file.truncate(0)
        with path.open("ab") as file:
            file.write(b"(older lines were dropped)\n" + kept.partition(b"\n")[2])


def create() -> tuple[Path, int]:
    """A new, locked sandbox directory and the descriptor that holds its lock."""
    path = base() / f"sb-{secrets.token_hex(3)}"
    if len(os.fsencode(path / LONGEST_NAME)) > SOCKET_PATH_LIMIT:
        raise SandboxError(
            f"{path} is too long for a Unix socket ({SOCKET_PATH_LIMIT} bytes with its name);"
            " set TMPDIR to a shorter path"
        )
    try:
        path.mkdir(mode=0o700)
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for name in ("log", "pods", "pki", "volumes"):
            (path / name).mkdir()
        memory_home.make(path)
        # A full disk shows here, in one line, and not later in some process' log.
        (path / "space").write_bytes(b"\0" * 65536)
        (path / "space").unlink()
    except OSError as error:
        memory_home.remove(path)
        shutil.rmtree(path, ignore_errors=True)
        raise SandboxError(_unwritable(path, error)) from error
    return path, lock


def _unwritable(path: Path, error: OSError) -> str:
    advice = "free some space" if error.errno == errno.ENOSPC else "check its permissions"
    return f"{path} cannot be written ({error.strerror}); {advice} or set TMPDIR elsewhere"


def write_record(directory: Path, record: dict[str, Any]) -> None:
    """Publish a sandbox for `status` and `down`."""
    partial = directory / "sandbox.json.partial"
    partial.write_text(json.dumps(record))
    partial.replace(directory / "sandbox.json")


def records() -> list[SandboxRecord]:
    """All sandboxes of this user that are alive and ready, oldest first."""
    found = [_read_record(path) for path in _directories() if not _try_lock(path, keep=False)]
    return sorted((record for record in found if record), key=lambda record: record.started)


def _read_record(directory: Path) -> SandboxRecord | None:
    try:
        return SandboxRecord(**json.loads((directory / "sandbox.json").read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None  # still starting, or just ending


def _directories() -> list[Path]:
    return sorted(path for path in base().iterdir() if path.name.startswith("sb-"))


def _try_lock(directory: Path, *, keep: bool) -> int | None:
    """A descriptor (already closed unless `keep`) if no one holds the lock, else None."""
    try:
        lock = os.open(directory / "lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None  # being created or removed at this moment, see `_abandoned`
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    if not keep:
        os.close(lock)
    return lock


def sweep() -> list[str]:
    """End and remove leftovers of dead sandboxes; returns their ids."""
    swept = []
    for directory in _directories():
        lock = _try_lock(directory, keep=True)
        if lock is not None or _abandoned(directory):
            remove(directory)
            swept.append(directory.name)
        if lock is not None:
            os.close(lock)
    memory_home.sweep({directory.name for directory in _directories()})
    return swept


def _abandoned(directory: Path) -> bool:
    """Whether its creator was killed before there was a lock, or its remover after it was gone."""
    try:
        return not (directory / "lock").exists() and directory.stat().st_mtime < time.time() - 60
    except FileNotFoundError:
        return False


def remove(directory: Path) -> None:
    """End every process with this sandbox's marker, then remove its directory."""
    left = processes.kill_all(lambda: processes.marked(directory.name), ENDING_DEADLINE)
    memory_home.remove(directory)
    shutil.rmtree(directory, ignore_errors=True)
    if left:
        raise SandboxError(f"sandbox {directory.name}: processes {left} do not end on SIGKILL")
