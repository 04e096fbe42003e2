"""The descriptors of an interactive process: three pipes, or one terminal.

`given` are passed to the process and then closed here; the others stay here. A terminal is a real
one (pty(7)): it echoes, knows its size, and turns ^C into SIGINT for the program in it.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import struct
import termios
from dataclasses import dataclass
from functools import partial

from resilience.sandbox.kubelet.base.channels import STDERR, STDOUT
from resilience.sandbox.kubelet.base.container_logs import LogFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """`given` are stdout, stderr and stdin of the process; `sources` what is read here, by
    channel."""

    given: tuple[int, int, int]
    sources: dict[int, int]
    entry: int
    terminal: int = -1

    def pass_on(self) -> None:
        """Close this side's copies once the process has its own."""
        for descriptor in set(self.given):
            os.close(descriptor)


def ends(*, tty: bool) -> Ends:
    """New descriptors for one process."""
    if tty:
        ours, theirs = pty.openpty()
        return Ends(given=(theirs,) * 3, sources={STDOUT: ours}, entry=os.dup(ours), terminal=ours)
    inputs, outputs, errors = os.pipe(), os.pipe(), os.pipe()
    return Ends(
        given=(outputs[1], errors[1], inputs[0]),
        sources={STDOUT: outputs[0], STDERR: errors[0]},
        entry=inputs[1],
    )


def resize(terminal: int, said: bytes) -> None:
    """The resize channel's JSON: Width and Height. Invalid sizes are ignored."""
    try:
        size = json.loads(said)
        cells = struct.pack("HHHH", size["Height"], size["Width"], 0, 0)
    except (ValueError, TypeError, LookupError, struct.error):
        return
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, cells)


async def reader(descriptor: int) -> asyncio.StreamReader:
    """A stream of the output of `descriptor`; it is closed at its end."""
    stream = asyncio.StreamReader()
    protocol = partial(asyncio.StreamReaderProtocol, stream)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(protocol, os.fdopen(descriptor, "rb", buffering=0))
    return stream


class Entry:
    """The descriptor for stdin; -1 if nothing reads it."""

    def __init__(self, descriptor: int = -1) -> None:
        self._descriptor = descriptor
        if descriptor >= 0:
            os.set_blocking(descriptor, False)

    async def write(self, data: bytes) -> None:
        """Write all of `data`, waiting while the program does not read; does nothing once
        closed."""
        while data and self._descriptor >= 0:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:
                await self._writable()
            except OSError:
                return  # the program no longer reads

    async def _writable(self) -> None:
        loop = asyncio.get_running_loop()
        free: asyncio.Future[None] = loop.create_future()
        descriptor = self._descriptor

        def tell() -> None:
            if not free.done():
                free.set_result(None)

        loop.add_writer(descriptor, tell)
        try:
            await free
        finally:
            loop.remove_writer(descriptor)

    def close(self) -> None:
        """Signal the end of stdin."""
        if self._descriptor >= 0:
            asyncio.get_running_loop().remove_writer(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1


def of_container(log: LogFile, *, stdin: bool, tty: bool) -> tuple[tuple[int, ...], Entry]:
    """The descriptors of a container's main process, with its output in `log`, and its stdin."""
    if not (stdin or tty):
        return log.pipes(), Entry()
    both = ends(tty=tty)
    for channel, source in both.sources.items():
        log.listen("stdout" if channel == STDOUT else "stderr", source)
    log.terminal = both.terminal
    entry = Entry(both.entry)
    if not stdin:
        entry.close()
    return both.given, entry
