"""An HTTP server that answers exactly as scripted, broken answers included.

Every request takes the next behaviour of the script of its kind ("LIST", "WATCH" or "METHOD path");
the last one is kept for all that follow. What was asked is recorded. Watches block until the test
feeds them, so no test sleeps.
"""

from __future__ import annotations

import json
import queue
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any = None

    @property
    def kind(self) -> str:
        if self.query.get("watch"):
            return "WATCH"
        return "LIST" if self.query.get("limit") else f"{self.method} {self.path}"


class Line:
    """The server's end of one connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def answer(self, code: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        lines = [f"HTTP/1.1 {code} x", f"Content-Length: {len(body)}"]
        lines += [f"{key}: {value}" for key, value in (headers or {}).items()]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def chunk(self, data: bytes) -> None:
        self.send(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        raise ConnectionAbortedError("as scripted")  # `_serve` then lets go of the socket


Behaviour = Callable[[Asked, Line], None]


def reply(body: Any, code: int = 200, headers: Mapping[str, str] | None = None) -> Behaviour:
    """A whole answer; bytes go out as they are."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda asked, line: line.answer(code, content, headers)


def status(code: int, reason: str, message: str, **details: Any) -> dict[str, Any]:
    """A Status as API servers send it."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": message,
        "details": details,
    }


def cut(content: bytes, promised: int) -> Behaviour:
    """Fewer bytes than Content-Length promised, then the end."""

    def behave(asked: Asked, line: Line) -> None:
        line.send(f"HTTP/1.1 200 x\r\nContent-Length: {promised}\r\n\r\n".encode() + content)
        line.close()

    return behave


def reset(asked: Asked, line: Line) -> None:
    """RST instead of an answer."""
    line.reset()


@dataclass
class Feed:
    """A behaviour for watches: a chunked answer that the test writes piece by piece."""

    pieces: queue.Queue[bytes | str | None] = field(default_factory=queue.Queue)
    opened: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def __call__(self, asked: Asked, line: Line) -> None:
        line.send(b"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n")
        self.opened.release()
        while isinstance(piece := self.pieces.get(), bytes):
            line.chunk(piece)
        if piece == "reset":
            line.reset()
        elif piece == "cut":
            line.close()
        else:
            line.send(b"0\r\n\r\n")

    def event(self, kind: str, obj: Mapping[str, Any]) -> None:
        self.pieces.put(json.dumps({"type": kind, "object": obj}).encode() + b"\n")

    def end(self, how: str | None = None) -> None:
        self.pieces.put(how)

    def wait_open(self) -> None:
        assert self.opened.acquire(timeout=120), "nobody opened the watch"


class FaultyServer:
    """Listens on loopback until closed."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.script: dict[str, list[Behaviour]] = {}
        self._lock = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def on(self, kind: str, *behaviours: Behaviour) -> None:
        self.script[kind] = list(behaviours)

    def count(self, kind: str) -> int:
        with self._lock:
            return sum(asked.kind == kind for asked in self.asked)

    def wait_count(self, kind: str, number: int) -> None:
        with self._lock:
            reached = self._lock.wait_for(lambda: self.count(kind) >= number, 60)
        assert reached, f"{self.count(kind)} of {number} {kind} arrived"

    def close(self) -> None:
        self._listener.close()
        for connection in self._open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the other side was quicker
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection.makefile("rb") as reader:
                while asked := _request(reader):
                    self._behaviour(asked)(asked, Line(connection))
        except (OSError, ValueError):
            pass  # the client left, or the script says so
        finally:
            connection.close()

    def _behaviour(self, asked: Asked) -> Behaviour:
        with self._lock:
            self.asked.append(asked)
            self._lock.notify_all()
            behaviours = self.script[asked.kind]
            return behaviours.pop(0) if len(behaviours) > 1 else behaviours[0]


def _request(reader: Any) -> Asked | None:
    first = reader.readline().split()
    if len(first) < 2:
        return None
    headers = {}
    while line := reader.readline().strip():
        key, _, value = line.decode().partition(":")
        headers[key.lower()] = value.strip()
    body = reader.read(int(headers.get("content-length", 0)))
    parts = urlsplit(first[1].decode())
    return Asked(
        first[0].decode(),
        parts.path,
        dict(parse_qsl(parts.query)),
        headers,
        json.loads(body) if body else None,
    )
