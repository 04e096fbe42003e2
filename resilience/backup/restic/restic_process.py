"""A running restic to write to or read from, and how it is stopped without a trace.

Only an interrupt tells restic that its stream is bad: at an end of input it would record what it
has.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, Any

from resilience.backup.format.errors import StoreError
from resilience.backup.restic.restic_program import Place, command, environment

_PATIENCE = 30.0


def started(place: Place, words: Sequence[str], **streams: Any) -> subprocess.Popen[bytes]:
    stdin = subprocess.DEVNULL if streams.get("stdout") == subprocess.PIPE else subprocess.PIPE
    return subprocess.Popen(
        command(place, words),
        env=environment(place),
        stdin=stdin,
        start_new_session=True,  # a Ctrl-C is handled here; restic sees it only through us
        **streams,
    )


class Pipe:
    """Writes into the process; if it has ended, that is reported at the end, in its own words."""

    def __init__(self, stdin: IO[bytes]) -> None:
        self._stdin = stdin
        self.bytes = 0
        self.broken = False

    def write(self, data: bytes) -> None:
        try:
            self._stdin.write(data)
        except BrokenPipeError:
            self.broken = True
            raise StoreError("restic ended before its input did") from None
        self.bytes += len(data)


def stopped(process: subprocess.Popen[bytes]) -> None:
    """Interrupt restic, so that it releases its lock; its input is closed only after it has ended,
    or it would take partial input for the whole."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    with suppress(BrokenPipeError):
        if process.stdin:
            process.stdin.close()


def ended(process: subprocess.Popen[bytes]) -> int:
    with suppress(BrokenPipeError):
        if process.stdin:
            process.stdin.close()
    return process.wait()
