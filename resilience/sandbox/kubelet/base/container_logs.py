"""A container instance's log: one file, each line with its time and stream (the CRI format).

`2026-01-02T15:04:05.123456789Z stdout F text`; a piece that ended without a newline has P instead
of F. A file of 10 MiB is rotated once, as the kubelet's default `containerLogMaxSize` does.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

LARGEST = 10 << 20
PIECE = 65536
LONGEST_LINE = 16384


class LogFile:
    """Appends the output of the two pipes of one instance; `close` drains them first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)
        self._rest = {"stdout": b"", "stderr": b""}
        self._readers: dict[str, int] = {}
        self._loop = asyncio.get_running_loop()
        self.terminal = -1
        """The container's terminal, if it has one; used to resize it."""
        self.on_write: list[Callable[[], None]] = []
        self.on_data: list[Callable[[tuple[str, bytes] | None], None]] = []
        """Receive every piece as it arrives, for `attach`; None at the end."""

    def pipes(self) -> tuple[int, int]:
        """New write ends for stdout and stderr; the caller closes them once they are passed on."""
        ends: list[int] = []
        try:
            for stream in ("stdout", "stderr"):
                read, write = os.pipe()
                ends.append(write)
                self.listen(stream, read)
        except OSError:
            for end in ends:
                os.close(end)
            raise
        return ends[0], ends[1]

    def listen(self, stream: str, descriptor: int) -> None:
        """Log the output of `descriptor`; it is closed at its end."""
        os.set_blocking(descriptor, False)
        self._readers[stream] = descriptor
        self._loop.add_reader(descriptor, self._read, stream)

    def _read(self, stream: str) -> bool:
        """Read one piece; False when there is nothing more now."""
        try:
            data = os.read(self._readers[stream], PIECE)
        except BlockingIOError:
            return False
        except OSError:
            data = b""  # EIO: no process has the terminal open any more
        if not data:
            self._shut(stream)
            return False
        for hear in list(self.on_data):
            hear((stream, data))
        self._write(stream, data)
        return True

    def _shut(self, stream: str) -> None:
        descriptor = self._readers.pop(stream)
        if descriptor == self.terminal:
            self.terminal = -1
        self._loop.remove_reader(descriptor)
        os.close(descriptor)

    def _write(self, stream: str, data: bytes) -> None:
        *lines, rest = (self._rest[stream] + data).split(b"\n")
        stamp = _stamp()
        out = [b"%b %b F %b\n" % (stamp, stream.encode(), line) for line in lines]
        if len(rest) > LONGEST_LINE:
            out.append(b"%b %b P %b\n" % (stamp, stream.encode(), rest))
            rest = b""
        self._rest[stream] = rest
        if out:
            self._append(b"".join(out))

    def _append(self, data: bytes) -> None:
        self._file.write(data)
        if self._file.tell() > LARGEST:
            self._file.close()
            self._path.replace(self._path.with_suffix(".log.1"))
            self._file = self._path.open("ab", buffering=0)
        for notify in list(self.on_write):
            notify()

    def close(self) -> None:
        """Read what is still in the pipes, then close: the instance has ended."""
        for stream in list(self._readers):
            while stream in self._readers and self._read(stream):
                pass
            if stream in self._readers:
                self._shut(stream)
        for stream, rest in self._rest.items():
            if rest:
                self._append(b"%b %b P %b\n" % (_stamp(), stream.encode(), rest))
        self._file.close()
        for notify in list(self.on_write):
            notify()
        for hear in list(self.on_data):
            hear(None)

    @property
    def closed(self) -> bool:
        """Whether the instance has ended."""
        return self._file.closed


def _stamp() -> bytes:
    seconds, nanoseconds = divmod(time.time_ns(), 10**9)
    whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{nanoseconds:09d}Z".encode()
