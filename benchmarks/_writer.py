"""A writer that keeps a rate: open loop, a few connections, hardly any work of its own."""

from __future__ import annotations

import json
import selectors
import socket
import time
from collections import deque
from dataclasses import dataclass, field

from benchmarks import percentile
from tests.sandbox.apiserver.live import ADMIN

CONNECTIONS = 16
OBJECTS = 100


@dataclass(slots=True)
class _Line:
    """One connection and the answer it waits for."""

    socket: socket.socket
    sent: float = 0.0
    answer: bytearray = field(default_factory=bytearray)


class Writing:
    """PUTs (the first of each object a POST) of small ConfigMaps that say when they were due."""

    def __init__(self, path: str, prefix: str, rate: int, total: int) -> None:
        self._collection, _, self._name = prefix.rpartition("/")
        self._rate, self._total = rate, total
        self._selector = selectors.DefaultSelector()
        self._idle: deque[_Line] = deque()
        self._took: list[float] = []
        for _ in range(CONNECTIONS):
            line = _Line(socket.socket(socket.AF_UNIX))
            line.socket.connect(path)
            self._selector.register(line.socket, selectors.EVENT_READ, line)
            self._idle.append(line)

    def run(self) -> dict[str, float]:
        """Write all; the rate that was reached and how long answers took."""
        number, began = 0, time.monotonic()
        while len(self._took) < self._total:
            due = began + number / self._rate
            wait = due - time.monotonic()
            if number < self._total and self._idle and wait <= 0 and self._may(number):
                self._send(self._idle.popleft(), number, due)
                number += 1
                continue
            idle = number < self._total and self._idle and wait > 0
            for key, _ in self._selector.select(wait if idle else 10.0):
                self._receive(key.data)
        seconds = time.monotonic() - began
        return {
            "rate": self._total / seconds,
            "p50": percentile(self._took, 50),
            "p99": percentile(self._took, 99),
        }

    def _may(self, number: int) -> bool:
        """An object's creation is answered before it is replaced."""
        return number < OBJECTS or len(self._took) >= OBJECTS

    def _send(self, line: _Line, number: int, due: float) -> None:
        name = f"{self._name}{number % OBJECTS}"
        data = {"sent": f"{due:.6f}", "number": str(number)}
        body = json.dumps({"metadata": {"name": name}, "data": data}).encode()
        path = self._collection if number < OBJECTS else f"{self._collection}/{name}"
        line.sent = time.monotonic()
        line.socket.sendall(
            f"{'POST' if number < OBJECTS else 'PUT'} {path} HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {ADMIN}\r\nContent-Type: application/json\r\n"
            f"User-Agent: writer/1\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )

    def _receive(self, line: _Line) -> None:
        data = line.socket.recv(1 << 16)
        line.answer += data
        head, found, rest = bytes(line.answer).partition(b"\r\n\r\n")
        if data and not found:
            return
        if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
            raise RuntimeError(f"a write was refused: {bytes(line.answer[:300])!r}")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(rest) < length:
            return
        line.answer.clear()
        self._took.append(time.monotonic() - line.sent)
        self._idle.append(line)
