"""Whether a part of the sandbox can do its work: how a limit that is reached is reported.

While a part cannot, a file exists that says why: a service must not be judged by its answers then.
Only the first occurrence is logged, so no log grows by it. Once there is room again the file is
deleted. The limits are descriptors, processes, memory and space on the disk.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_log = logging.getLogger(__name__)
EXHAUSTED = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT}
)
"""Errors of an overloaded process or machine: nothing that a service did."""
CHECK = 2.0
"""Seconds between two looks at whether there is room again; the file stays at least this long."""
ROOM = 16
_VMSTAT = Path("/proc/vmstat")


def exhausted(error: BaseException | None) -> bool:
    """Whether an error comes from a limit of this process or machine."""
    return isinstance(error, OSError) and error.errno in EXHAUSTED


@dataclass(slots=True)
class Health:
    """One for each process of the sandbox; without a file nothing is reported. `part` is what it
    calls itself."""

    file: Path | None = None
    part: str = "data plane"
    _sick: bool = False
    _held: bool = False
    _logged: bool = False
    _killed: int = field(default_factory=lambda: killed_by_the_kernel())

    @property
    def sick(self) -> bool:
        """Whether something is wrong now."""
        return self._sick

    def suffers(self, error: BaseException | None) -> bool:
        """Record an error; False if it says nothing about this process."""
        if not isinstance(error, OSError) or not exhausted(error):
            return False
        self.tell(f"cannot continue: {error.strerror}")
        return True

    def tell(self, why: str) -> None:
        """Be sick until there is room again."""
        if not self._sick:
            self._sick = True
            asyncio.get_running_loop().call_later(CHECK, self._check)
            self._write(f"the sandbox's {self.part} {why}")

    def hold(self, why: str) -> None:
        """Be sick until `release`."""
        self._held = True
        self.tell(why)

    def release(self) -> None:
        """The condition that was reported is over."""
        self._held = False

    def lost_memory(self) -> bool:
        """Whether the kernel has killed a process, of any owner, since the last call."""
        before, self._killed = self._killed, killed_by_the_kernel()
        return self._killed > before

    def attend(self, loop: asyncio.AbstractEventLoop) -> None:
        """Be notified of problems of the loop's own servers, such as connections that cannot be
        accepted."""

        def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            if not self.suffers(context.get("exception")):
                loop.default_exception_handler(context)

        loop.set_exception_handler(handle)

    def _write(self, why: str) -> None:
        if not self._logged:
            self._logged = True
            _log.error("%s", why)
        if self.file is not None:
            _written(self.file, why)

    def _check(self) -> None:
        if self._held or not has_room(self.file):
            asyncio.get_running_loop().call_later(CHECK, self._check)
            return
        self._sick = False
        if self.file is not None:
            self.file.unlink(missing_ok=True)


def killed_by_the_kernel() -> int:
    """How many processes of this machine the kernel has killed for want of memory."""
    try:
        lines = _VMSTAT.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def _written(file: Path, why: str) -> None:
    """Write without a spare descriptor: a symbolic link holds text, and needs none."""
    try:
        os.symlink(why, file)
    except FileExistsError:
        pass


def has_room(file: Path | None) -> bool:
    """Whether a few descriptors are available, and a little space beside `file`."""
    held: list[int] = []
    try:
        held.extend(os.dup(0) for _ in range(ROOM))
        if file is not None:
            with tempfile.TemporaryFile(dir=file.parent, buffering=0) as probe:
                probe.write(b"\0" * 4096)
    except OSError:
        return False
    finally:
        for descriptor in held:
            os.close(descriptor)
    return True
