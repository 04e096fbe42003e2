"""A WebSocket client (RFC 6455) for one purpose: streams into containers.

One thread does both directions without blocking, because a TLS connection must not be read and
written by two threads at once. Messages are put together from their fragments, pings answered.
No extensions, no HTTP proxy other than by CONNECT.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import os
import select
import socket
import ssl
import struct
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from resilience.cluster.errors import Unreachable

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

LARGEST = 64 * 1024 * 1024
"""Bytes of one message; the kubelet sends at most 32 KiB at a time."""

RECEIVE = 256 * 1024

AHEAD = 1024 * 1024
"""Bytes received in one step. A server that sends faster than its messages are taken would fill
the memory otherwise: there is always more to receive."""


class HandshakeRefused(Exception):
    """The server answered something else than 101. `body` is the content of the answer."""

    def __init__(self, code: int, body: bytes, headers: Mapping[str, str]) -> None:
        super().__init__(f"HTTP {code}")
        self.code = code
        self.body = body
        self.headers = headers


class WebSocket:
    """An open connection. Not thread-safe."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        protocols: Sequence[str],
        context: ssl.SSLContext | None,
        *,
        server_name: str = "",
        proxy: str = "",
        timeout: float = 10.0,
    ) -> None:
        self._socket = _connect(url, context, server_name, proxy, timeout)
        try:
            self._input = bytearray()
            self.protocol = self._shake_hands(url, headers, protocols)
        except BaseException:
            self._socket.close()
            raise
        self._socket.setblocking(False)
        self._output = bytearray()
        self._fragments = bytearray()
        self.closed = False

    def close(self) -> None:
        """Send a close frame if possible, and close the connection."""
        if not self.closed:
            self._queue(CLOSE, struct.pack(">H", 1000))
            try:
                self._write()
            except (OSError, ssl.SSLError):
                pass  # the other side has already closed the connection
        self.closed = True
        self._socket.close()

    @property
    def unsent(self) -> int:
        """Number of bytes still to be sent."""
        return len(self._output)

    def send(self, payload: bytes) -> None:
        """Queue one binary message; `step` sends it."""
        self._queue(BINARY, payload)

    def step(self, seconds: float) -> list[bytes]:
        """Send and receive what is possible within `seconds`; complete messages that arrived."""
        self._wait(seconds)
        try:
            self._write()
        except (BrokenPipeError, ConnectionResetError):
            self._output.clear()  # it accepts nothing more; its earlier output can still be read
        self._read()
        return list(self._messages())

    def _wait(self, seconds: float) -> None:
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return
        select.select([self._socket], [self._socket] if self._output else [], [], seconds)

    def _write(self) -> None:
        while self._output:
            try:
                sent = self._socket.send(self._output[:RECEIVE])
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return
            del self._output[:sent]

    def _read(self) -> None:
        most = len(self._input) + AHEAD
        while len(self._input) < most:
            try:
                data = self._socket.recv(RECEIVE)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except ConnectionResetError:
                data = b""
            if not data:
                self.closed = True
                return
            self._input += data
            self._bound(len(self._input))

    def _messages(self) -> Iterator[bytes]:
        while (frame := _take_frame(self._input)) is not None:
            opcode, final, payload = frame
            if opcode == PING:
                self._queue(PONG, payload)
            elif opcode == CLOSE:
                self.closed = True
                return
            elif final and opcode in (TEXT, BINARY) and not self._fragments:
                yield payload
            elif opcode in (CONTINUATION, TEXT, BINARY):
                self._fragments += payload
                self._bound(len(self._fragments))
                if final:
                    message, self._fragments = bytes(self._fragments), bytearray()
                    yield message

    @staticmethod
    def _bound(size: int) -> None:
        """What is kept is part of one message: complete ones were taken in the step before."""
        if size > LARGEST:
            raise Unreachable(f"a message of more than {LARGEST} bytes was begun")

    def _queue(self, opcode: int, payload: bytes) -> None:
        self._output += _frame(opcode, payload, os.urandom(4))

    def _shake_hands(self, url: str, headers: Mapping[str, str], protocols: Sequence[str]) -> str:
        parts = urlsplit(url)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {parts.path}?{parts.query} HTTP/1.1", f"Host: {parts.netloc}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += [
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}",
            f"Sec-WebSocket-Protocol: {', '.join(protocols)}",
        ]
        self._socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        reader = _Reader(self._socket)
        answer = _answer(reader)
        if answer.status != 101:
            raise HandshakeRefused(answer.status, answer.read(), dict(answer.headers))
        expected = base64.b64encode(hashlib.sha1(key.encode() + MAGIC).digest()).decode()
        if answer.headers.get("Sec-WebSocket-Accept") != expected:
            raise Unreachable("the server's WebSocket handshake is wrong")
        self._input += reader.left_over()
        return str(answer.headers.get("Sec-WebSocket-Protocol", ""))


class _Reader(io.RawIOBase):
    """Gives http.client single bytes of headers and no read-ahead that we would then miss."""

    def __init__(self, source: socket.socket) -> None:
        self._source = source
        self._ahead = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if not self._ahead:
            self._ahead = self._source.recv(RECEIVE)
        count = min(len(buffer), len(self._ahead))
        buffer[:count], self._ahead = self._ahead[:count], self._ahead[count:]
        return count

    def read(self, size: int | None = -1) -> bytes:
        """Read as many bytes as requested, or up to the end; http.client relies on that."""
        parts = bytearray()
        while size is None or size < 0 or len(parts) < size:
            piece = super().read(RECEIVE if size is None or size < 0 else size - len(parts))
            if not piece:
                break
            parts += piece
        return bytes(parts)

    def makefile(self, mode: str) -> _Reader:
        return self

    def left_over(self) -> bytes:
        """The bytes that came after the headers."""
        return self._ahead


def _answer(reader: _Reader) -> http.client.HTTPResponse:
    answer = http.client.HTTPResponse(reader)  # type: ignore[arg-type]
    try:
        answer.begin()
    except http.client.HTTPException as error:
        raise Unreachable(f"not an HTTP answer: {error!r}") from error
    return answer


def _connect(
    url: str, context: ssl.SSLContext | None, server_name: str, proxy: str, timeout: float
) -> socket.socket:
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if context else 80)
    first = urlsplit(proxy) if proxy else parts
    connection = socket.create_connection((first.hostname, first.port or port), timeout)
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if proxy:
            _tunnel(connection, host, port)
        if context is not None:
            return context.wrap_socket(connection, server_hostname=server_name or host)
    except BaseException:
        connection.close()
        raise
    return connection


def _tunnel(connection: socket.socket, host: str, port: int) -> None:
    connection.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    answer = _answer(_Reader(connection))
    if answer.status != 200:
        raise Unreachable(f"the proxy refused to connect to {host}:{port}: HTTP {answer.status}")


def _frame(opcode: int, payload: bytes, mask: bytes) -> bytes:
    """One final frame, masked as clients must."""
    size = len(payload)
    if size < 126:
        head = struct.pack(">BB", 0x80 | opcode, 0x80 | size)
    elif size < 65536:
        head = struct.pack(">BBH", 0x80 | opcode, 0x80 | 126, size)
    else:
        head = struct.pack(">BBQ", 0x80 | opcode, 0x80 | 127, size)
    return head + mask + _masked(payload, mask)


def _masked(payload: bytes, mask: bytes) -> bytes:
    size = len(payload)
    key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
    return (int.from_bytes(payload, "big") ^ key).to_bytes(size, "big")


def _take_frame(data: bytearray) -> tuple[int, bool, bytes] | None:
    """Cut one whole frame off the front of `data`: (opcode, final, payload); None if incomplete."""
    if len(data) < 2:
        return None
    size, head = data[1] & 0x7F, 2
    if size >= 126:
        width = 2 if size == 126 else 8
        head += width
        if len(data) < head:
            return None
        size = int.from_bytes(data[2:head], "big")
    mask = b""
    if data[1] & 0x80:  # servers usually do not mask their frames
        mask = bytes(data[head : head + 4])
        head += 4
    if len(data) < head + size:
        return None
    with memoryview(data) as view:
        payload = bytes(view[head : head + size])
    opcode, final = data[0] & 0x0F, bool(data[0] & 0x80)
    del data[: head + size]
    return opcode, final, _masked(payload, mask) if mask else payload
