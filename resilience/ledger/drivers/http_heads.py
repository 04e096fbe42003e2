"""The head of an HTTP answer: whole, and in time.

`http.client` takes a head that ends early for a whole one, so that a server which dies after its
status line would acknowledge; and the timeout of a read begins again with every byte.
"""

from __future__ import annotations

import http.client
import socket
import threading
from contextlib import suppress
from typing import Any, Self


class HeadLimit:
    """A block that reads a head; a connection over which it does not arrive in time is ended.
    `passed` says so, "" before."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timer: threading.Timer | None = None
        self.passed = ""

    def put_on(self, kind: Any) -> Any:
        """That kind of connection, with the limit, which counts from when it is connected."""
        begun = self._begun

        class Limited(kind):  # type: ignore[misc]
            response_class = WholeHead

            def connect(self) -> None:
                super().connect()
                begun(self.sock)

        return Limited

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _begun(self, connected: socket.socket) -> None:
        self._timer = threading.Timer(self._seconds, self._end, (connected,))
        self._timer.daemon = True
        self._timer.start()

    def _end(self, connected: socket.socket) -> None:
        self.passed = f"the head of the answer did not end within {self._seconds:g} s"
        with suppress(OSError):  # it has ended meanwhile
            connected.shutdown(socket.SHUT_RDWR)


class WholeHead(http.client.HTTPResponse):
    """An answer whose head ended with an empty line; IncompleteRead for any other."""

    def begin(self) -> None:
        lines: Any = self.fp
        self.fp = heard = _Heard(lines)  # type: ignore[assignment]
        super().begin()
        self.fp = lines
        if heard.last not in (b"\r\n", b"\n"):
            raise http.client.IncompleteRead(heard.last)


class _Heard:
    """The lines of an answer, and the last one that was read."""

    def __init__(self, lines: Any) -> None:
        self._lines = lines
        self.last = b""

    def readline(self, limit: int) -> bytes:
        self.last = self._lines.readline(limit)
        return self.last

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lines, name)
