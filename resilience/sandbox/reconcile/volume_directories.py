"""The directories behind volumes and snapshots: copied and removed off the loop, one at a time.

A directory appears under its name only when it is complete (copied next to it, renamed), and jobs
run in the order in which they were requested, so a removal never overtakes a copy that reads the
same directory. A copy of a volume that is written meanwhile is as consistent as after a power cut.
Sockets and pipes are left out; hard links become separate files.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from resilience.sandbox.kube.api import Obj

CHUNK = 1 << 20
Done = Callable[[str], None]
"""Called on the loop when a job has ended: "" or what went wrong."""


class Directories(Protocol):
    """Names are relative: `volumes/pvc-1`, `snapshots/snap-1`."""

    def copy(self, source: str, target: str, done: Done, *, needed: bool = True) -> None:
        """Copy a whole directory; an absent source is empty unless it is `needed`."""

    def remove(self, name: str) -> None:
        """Remove a directory, if it exists."""

    def exists(self, name: str) -> bool:
        """Whether a complete directory with that name exists."""


class NoDirectories:
    """For an API server without a directory."""

    def copy(self, source: str, target: str, done: Done, *, needed: bool = True) -> None:
        """Refuses."""
        done("this API server keeps no volumes")

    def remove(self, name: str) -> None:
        """Nothing is there."""

    def exists(self, name: str) -> bool:
        """Nothing is there."""
        return False


class Stopped(Exception):
    """The API server ends in the middle of a copy."""


class HostDirectories:
    """Directories below `root`, handled by one thread; `close` stops it at the next chunk."""

    def __init__(self, root: Path, loop: asyncio.AbstractEventLoop) -> None:
        self._root = root
        self._loop = loop
        self._stop = threading.Event()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="directories")

    def copy(self, source: str, target: str, done: Done, *, needed: bool = True) -> None:
        """See `Directories`."""
        job = self._worker.submit(self._copy, self._root / source, self._root / target, needed)
        job.add_done_callback(lambda ended: self._report(ended, done))

    def remove(self, name: str) -> None:
        """See `Directories`."""
        self._worker.submit(shutil.rmtree, self._root / name, ignore_errors=True)

    def exists(self, name: str) -> bool:
        """See `Directories`."""
        return (self._root / name).is_dir()

    def close(self) -> None:
        """Drop waiting jobs, interrupt the running one."""
        self._stop.set()
        self._worker.shutdown(wait=True, cancel_futures=True)

    def _report(self, job: Future[str], done: Done) -> None:
        if not self._stop.is_set():
            self._loop.call_soon_threadsafe(lambda: done(job.result()))

    def _copy(self, source: Path, target: Path, needed: bool) -> str:
        if target.is_dir():
            return ""
        partial = target.with_name(f".{target.name}.partial")
        try:
            if needed and not source.is_dir():
                return f"{source.parent.name}/{source.name} is not there"
            target.parent.mkdir(mode=0o700, exist_ok=True)
            partial.mkdir(mode=0o700)
            if source.is_dir():
                copy_tree(source, partial, self._stop.is_set)
            partial.rename(target)
        except OSError as error:
            shutil.rmtree(partial, ignore_errors=True)
            return f"{error.strerror}: {Path(str(error.filename)).name}"
        except Stopped:
            shutil.rmtree(partial, ignore_errors=True)
        return ""


def copy_tree(source: Path, target: Path, stopped: Callable[[], bool]) -> None:
    """Fill the existing `target`; files that disappear while they are read count as absent."""
    for entry in sorted(os.scandir(source), key=lambda found: found.name):
        place = target / entry.name
        try:
            mode = entry.stat(follow_symlinks=False).st_mode
            if stat.S_ISLNK(mode):
                place.symlink_to(os.readlink(entry.path))
            elif stat.S_ISDIR(mode):
                place.mkdir(mode=0o700)
                copy_tree(Path(entry.path), place, stopped)
            elif stat.S_ISREG(mode):
                _copy_file(Path(entry.path), place, stopped)
        except FileNotFoundError:
            continue
    _adopt(source, target)


def _copy_file(source: Path, target: Path, stopped: Callable[[], bool]) -> None:
    with source.open("rb") as reading, target.open("wb") as writing:
        while chunk := reading.read(CHUNK):
            if stopped():
                raise Stopped
            writing.write(chunk)
    _adopt(source, target)


def _adopt(source: Path, target: Path) -> None:
    """Mode, times and, if this process may set it, the owner."""
    found = source.stat()
    if os.geteuid() == 0:
        os.chown(target, found.st_uid, found.st_gid)
    target.chmod(stat.S_IMODE(found.st_mode))
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))


def is_plain(name: str) -> bool:
    """Whether a name chosen by a client stays within its folder."""
    return bool(name) and "/" not in name and "\0" not in name and not name.startswith(".")


def volume_directory(volume: Obj) -> str:
    """Where the kubelet keeps a volume's data."""
    return f"volumes/{volume['metadata']['name']}"


def snapshot_directory(handle: str) -> str:
    """Where a snapshot's data are."""
    return f"snapshots/{handle}"
