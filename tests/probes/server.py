"""A server on loopback whose failures are scripted exactly, one thread per connection.

`behave(ConnectionBehaviour)` says what the next connections meet; a function gets the socket after
the request's head was read. Refusing is done by closing the listening socket and keeping its port.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from typing import Self

Behaviour = Callable[[socket.socket], None]


def say(data: bytes) -> Behaviour:
    """Send these bytes and close, in one segment: nobody sees the one without the other."""

    def behave(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)

    return behave


def answer(status: int = 200, body: bytes = b"ok", *headers: str) -> Behaviour:
    """A whole HTTP answer."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers, "", ""]
    return say("\r\n".join(lines).encode() + body)


def reset(connection: socket.socket) -> None:
    """RST instead of an answer."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hang(connection: socket.socket) -> None:
    """Nothing, until the client goes away."""
    while connection.recv(4096):
        pass


class Server:
    """Use as a context manager; `port` is free for its whole life, listening or not."""

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        self.behaviour = behaviour or answer()
        self.heads: list[bytes] = []
        self.connections = 0
        self._keeper = socket.socket()
        self._keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._keeper.bind(("127.0.0.1", 0))
        self.port: int = self._keeper.getsockname()[1]
        self._listener: socket.socket | None = None

    def __enter__(self) -> Self:
        self.listen()
        return self

    def __exit__(self, *_: object) -> None:
        self.refuse()
        self._keeper.close()

    def listen(self) -> None:
        """Accept connections."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(512)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def refuse(self) -> None:
        """Stop listening: the kernel refuses from now on."""
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept; close alone does not
            self._listener.close()
            self._listener = None

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                head = connection.recv(65536)
                self.heads.append(head)
                self.behaviour(connection)
            except OSError:
                pass  # the client gave up first
