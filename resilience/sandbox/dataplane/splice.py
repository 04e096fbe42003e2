"""Two connections joined: bytes, end of stream, resets and backpressure pass both ways.

A side that ends its stream still receives (half-close), and both are closed once both have ended; a
reset on one side resets the other; a side that does not read blocks the other side's sender.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import cast

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER on with zero seconds: closing sends RST (socket(7))."""


def join(near: Side, far: Side) -> None:
    """Let both ends read, once both are connected; if one has gone meanwhile, reset the other."""
    if near.other is None or far.other is None:
        near.reset()
        far.reset()
        return
    for side in (near, far):
        assert side.transport is not None, "connected"
        side.transport.resume_reading()


class Side(asyncio.Protocol):
    """One end. It reads nothing until `join`: a server that speaks first would lose its greeting
    while the other end is still being connected."""

    def __init__(self, open_sides: set[Side]) -> None:
        self._open = open_sides
        self.other: Side | None = None
        self.transport: asyncio.Transport | None = None
        self.ended = False
        """Whether this end has said that it sends no more."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.pause_reading()
        self._open.add(self)

    def data_received(self, data: bytes) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        self.ended = True
        other = self.other
        if other is None or other.transport is None:
            return False
        if other.ended:
            other.transport.close()  # sent after the remaining data
            return False
        other.transport.write_eof()
        return True  # stay open for data that the other side still sends

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        self._open.discard(self)
        other, self.other = self.other, None
        if other is None:
            return
        if error is not None:
            other.reset()
        elif other.transport is not None:
            other.transport.close()

    def reset(self) -> None:
        """End this connection with RST."""
        if self.transport is not None and not self.transport.is_closing():
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.transport.abort()


def reset_socket(sock: socket.socket) -> None:
    """Close a plain socket with RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()
