"""The part of a sandbox's directory that lies in memory: volumes with tokens and other secrets.

As with a real kubelet, which keeps them on a tmpfs, no secret reaches a disk; and a Pod starts
faster, because each of its token volumes takes a dozen changes to directories. `DIRECTORY/memory`
is a link to `/dev/shm/resilience-UID/ID`. Where there is no such memory, or too little of it, it is
an ordinary directory.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Collection
from pathlib import Path

from resilience.sandbox.host import processes

SHARED = Path("/dev/shm")
NAME = "memory"
NEEDED = 64 << 20
"""Bytes that must be free: more than the tokens of a few thousand Pods."""
_YOUNG = 60.0


def make(directory: Path) -> None:
    """Make a sandbox's part; OSError if not even the directory can be written."""
    try:
        place = _base() / directory.name
        if _free() >= NEEDED:
            place.mkdir(mode=0o700)
            (directory / NAME).symlink_to(place)
            return
    except OSError:
        pass  # No shared memory, or none for this user: the disk will do.
    (directory / NAME).mkdir(mode=0o700, exist_ok=True)


def remove(directory: Path) -> None:
    """Remove what `make` made outside of the directory."""
    shutil.rmtree(SHARED / f"resilience-{os.getuid()}" / directory.name, ignore_errors=True)


def sweep(known: Collection[str]) -> list[str]:
    """Remove what is left of sandboxes whose directory is gone; `known` are the ids of sandboxes
    with a directory here.

    A sandbox may have its directory elsewhere: then one of its processes carries its id.
    """
    swept = []
    for place in _places():
        if place.name in known or _is_young(place):
            continue
        if not processes.marked(place.name):
            shutil.rmtree(place, ignore_errors=True)
            swept.append(place.name)
    return swept


def _is_young(place: Path) -> bool:
    """Also one that its own sandbox has just removed."""
    try:
        return time.time() - place.stat().st_mtime < _YOUNG
    except FileNotFoundError:
        return True


def _places() -> list[Path]:
    try:
        return sorted(_base().iterdir())
    except OSError:
        return []


def _base() -> Path:
    """This user's directory, mode 0700; OSError if there is none or if it is another's."""
    path = SHARED / f"resilience-{os.getuid()}"
    path.mkdir(mode=0o700, exist_ok=True)
    if path.is_symlink() or path.stat().st_uid != os.getuid():
        raise PermissionError(f"{path} belongs to another user")
    return path


def _free() -> int:
    found = os.statvfs(SHARED)
    return found.f_bavail * found.f_frsize
