"""An address where connections are never answered, as if packets were dropped.

A listener that accepts nothing and whose backlog is full: the kernel then drops every SYN, so a
connect hangs until its own timeout, as with an enforced NetworkPolicy.
"""

from __future__ import annotations

import socket
import time

BACKLOG = 0
TRIES = 64
SETTLE = 0.02


class Blackhole:
    """Holds the listener and the connections that fill it."""

    def __init__(self, address: str) -> None:
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.bind((address, 0))
        self._listener.listen(BACKLOG)
        self.address: tuple[str, int] = self._listener.getsockname()
        self._fillers: list[socket.socket] = []
        self._fill()

    def _fill(self) -> None:
        """Connect until one attempt hangs."""
        for _ in range(TRIES):
            filler = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            self._fillers.append(filler)
            filler.connect_ex(self.address)
            time.sleep(SETTLE / TRIES)
            if _hangs(filler):
                return

    def close(self) -> None:
        """Refuse all hanging connections."""
        for each in (*self._fillers, self._listener):
            each.close()


def _hangs(sock: socket.socket) -> bool:
    try:
        sock.getpeername()
    except OSError:
        return True
    return False
