"""A small HTTP server on a free loopback port, for the time of a block."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ENDED = 0.05
"""Seconds between two looks at whether the server has to stop."""


class Answering(BaseHTTPRequestHandler):
    """A handler without a log."""

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def sent_body(self) -> bytes:
        """What the client sent."""
        return self.rfile.read(int(self.headers["Content-Length"]))

    def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        """The whole answer."""
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class Listening(ThreadingHTTPServer):
    """With room for clients that come all at once."""

    request_queue_size = 256


@contextmanager
def serving(handler: Callable[..., Any]) -> Iterator[str]:
    """Yields the server's URL."""
    server = Listening(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(ENDED,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
