"""Whether the data plane can do its work: how a full table of descriptors is reported.

While it cannot, a file exists that says why: a service must not be judged by its answers then. Only
the first occurrence is logged, so no log grows by it. Once a few descriptors are available again
the file is deleted.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from dataclasses import dataclass
from pathlib import Path

_log = logging.getLogger(__name__)
EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""Errors of an overloaded process or machine: nothing that a service did."""
CHECK = 2.0
"""Seconds between two looks at whether there is room again; the file stays at least this long."""
ROOM = 16


@dataclass(slots=True)
class Health:
    """One for all forwarders; without a file nothing is reported."""

    file: Path | None = None
    _sick: bool = False
    _logged: bool = False

    def suffers(self, error: OSError) -> bool:
        """Record an error; False if it says nothing about this process."""
        if error.errno not in EXHAUSTED:
            return False
        if not self._sick:
            self._sick = True
            asyncio.get_running_loop().call_later(CHECK, self._check)
            self._tell(f"the sandbox's data plane cannot open connections: {error.strerror}")
        return True

    def _tell(self, why: str) -> None:
        if not self._logged:
            self._logged = True
            _log.error("%s; new connections wait", why)
        if self.file is not None:
            _written(self.file, why)

    def _check(self) -> None:
        if not _has_room():
            asyncio.get_running_loop().call_later(CHECK, self._check)
            return
        self._sick = False
        if self.file is not None:
            self.file.unlink(missing_ok=True)


def _written(file: Path, why: str) -> None:
    """Write without a spare descriptor: a symbolic link holds text, and needs none."""
    try:
        os.symlink(why, file)
    except FileExistsError:
        pass


def _has_room() -> bool:
    """Whether a few descriptors are available."""
    held: list[int] = []
    try:
        held.extend(os.dup(0) for _ in range(ROOM))
    except OSError:
        return False
    finally:
        for descriptor in held:
            os.close(descriptor)
    return True
