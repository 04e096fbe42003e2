"""Connections that stop being HTTP: exec, attach and port-forward, by WebSocket or by SPDY/3.1.

The handshake is forwarded to the kubelet's socket unchanged, so the kubelet alone decides on the
protocol; if it agrees, bytes pass both ways until either side ends. A refusal is returned as a
normal answer. Nothing here reads the bytes.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

PROTOCOLS = frozenset({"websocket", "spdy/3.1"})
_PIECE = 1 << 16
_PASSED = frozenset(
    ("connection", "upgrade", "x-stream-protocol-version", "sec-websocket-key",
     "sec-websocket-version", "sec-websocket-protocol")
)  # fmt: skip


def is_asked(request: web.BaseRequest) -> bool:
    """Whether the client wants to switch to another protocol."""
    return request.headers.get("Upgrade", "").lower() in PROTOCOLS


async def pass_through(request: web.BaseRequest, socket: Path) -> web.StreamResponse:
    """Connect the client to the kubelet; OSError when it does not listen."""
    reader, writer = await asyncio.open_unix_connection(str(socket))
    try:
        writer.write(_head(request))
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        if status != 101:
            return web.Response(
                status=status, body=await reader.read(), content_type="application/json"
            )
        arriving = _take_over(request)
        await request.writer.write(head)
        await _carry(arriving, request.writer, reader, writer)
        return _Ended()
    finally:
        writer.close()


def _head(request: web.BaseRequest) -> bytes:
    lines = [f"{request.method} {request.raw_path} HTTP/1.1", "Host: kubelet"]
    lines += [f"{k}: {v}" for k, v in request.headers.items() if k.lower() in _PASSED]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class _Arriving:
    """The protocol that aiohttp calls with the bytes after a handshake, instead of its own
    parsers."""

    def __init__(self, stream: asyncio.StreamReader) -> None:
        self._stream = stream

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self._stream.feed_data(data)
        return False, b""

    def feed_eof(self) -> None:
        self._stream.feed_eof()


def _take_over(request: web.BaseRequest) -> asyncio.StreamReader:
    """Start to receive the client's bytes. It waits for the 101, so none has arrived yet."""
    stream = asyncio.StreamReader()
    if request.transport is None:
        raise ConnectionResetError("the client went away")
    stream.set_transport(request.transport)
    parser: Any = _Arriving(stream)
    request.protocol.set_parser(parser)
    request.protocol.keep_alive(False)
    return stream


async def _carry(
    client: asyncio.StreamReader,
    to_client: AbstractStreamWriter,
    kubelet: asyncio.StreamReader,
    to_kubelet: asyncio.StreamWriter,
) -> None:
    """Copy until either side ends. All data that the kubelet sent before its end has arrived by
    then."""

    async def up() -> None:
        while data := await client.read(_PIECE):
            to_kubelet.write(data)
            await to_kubelet.drain()

    async def down() -> None:
        while data := await kubelet.read(_PIECE):
            await to_client.write(data)
            await to_client.drain()

    tasks = [asyncio.ensure_future(up()), asyncio.ensure_future(down())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(ConnectionError, asyncio.CancelledError):
                await task


class _Ended(web.StreamResponse):
    """The answer of a connection that is no longer HTTP: nothing is left to send."""

    def __init__(self) -> None:
        super().__init__(status=101)
        self.force_close()

    @property
    def prepared(self) -> bool:
        return True

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        return
