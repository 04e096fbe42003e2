"""The server's side of a WebSocket (RFC 6455), as far as exec and port-forward need it."""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import AsyncIterator, Sequence

from resilience.sandbox.kube.api import ApiError
from resilience.sandbox.kubelet.base.httpd import KubeletRequest

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
NORMAL = 1000
LARGEST = 16 << 20


class WebSocket:
    """An accepted WebSocket with the negotiated subprotocol."""

    def __init__(self, request: KubeletRequest, protocol: str) -> None:
        self._reader = request.reader
        self._writer = request.writer
        self.protocol = protocol
        self._closed = False

    async def messages(self) -> AsyncIterator[bytes]:
        """Whole messages until the peer closes."""
        pieces = bytearray()
        while True:
            try:
                final, kind, data = await self._frame()
            except (EOFError, ConnectionError):
                return
            if kind == CLOSE:
                return
            if kind == PING:
                self._write(PONG, data)
            elif kind in (CONTINUATION, TEXT, BINARY):
                pieces += data
                if final:
                    yield bytes(pieces)
                    pieces.clear()

    async def _frame(self) -> tuple[bool, int, bytes]:
        first, second = await self._reader.readexactly(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack(">H", await self._reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", await self._reader.readexactly(8))
        if length > LARGEST:
            raise ConnectionError(f"a frame of {length} bytes")
        mask = await self._reader.readexactly(4) if second & 0x80 else b""
        data = await self._reader.readexactly(length)
        return bool(first & 0x80), first & 0x0F, _unmask(data, mask) if mask else data

    async def send(self, data: bytes, *, text: bool = False) -> None:
        """One message; waits while the peer does not read."""
        if not self._closed:
            self._write(TEXT if text else BINARY, data)
            await self._writer.drain()

    async def close(self) -> None:
        """Close."""
        if not self._closed:
            self._closed = True
            self._write(CLOSE, struct.pack(">H", NORMAL))
            await self._writer.drain()

    def _write(self, kind: int, data: bytes) -> None:
        if len(data) < 126:
            head = bytes((0x80 | kind, len(data)))
        elif len(data) < 1 << 16:
            head = bytes((0x80 | kind, 126)) + struct.pack(">H", len(data))
        else:
            head = bytes((0x80 | kind, 127)) + struct.pack(">Q", len(data))
        self._writer.write(head + data)


def _unmask(data: bytes, mask: bytes) -> bytes:
    repeated = mask * (len(data) // 4 + 1)
    number = int.from_bytes(data, "big") ^ int.from_bytes(repeated[: len(data)], "big")
    return number.to_bytes(len(data), "big")


def accept(request: KubeletRequest, spoken: Sequence[str]) -> WebSocket:
    """Answer the handshake with the client's first protocol that is in `spoken`; ApiError if none.

    A client that offers nothing uses "", if that is in `spoken`.
    """
    text = request.headers.get("sec-websocket-protocol", "")
    offered = [word.strip() for word in text.split(",") if word.strip()] or [""]
    chosen = next((name for name in offered if name in spoken), None)
    key = request.headers.get("sec-websocket-key", "")
    if not key:
        raise ApiError(400, "BadRequest", "Upgrade request required")
    if chosen is None:
        raise ApiError(
            400,
            "BadRequest",
            f"unable to upgrade: none of {offered} is spoken, only {list(filter(None, spoken))}",
        )
    digest = base64.b64encode(hashlib.sha1((key + MAGIC).encode()).digest()).decode()
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {digest}",
    ]
    if chosen:
        lines.append(f"Sec-WebSocket-Protocol: {chosen}")
    request.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    return WebSocket(request, chosen)
