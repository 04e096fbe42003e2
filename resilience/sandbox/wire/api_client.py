"""A small HTTP/1.1 client over one Unix socket, for the sandbox's own parts.

Standard library only, so that the kubelet and the data plane start without a web framework. Bodies
are JSON. A refusal is raised as `ApiError`; a broken connection as `ConnectionError`, and the
caller decides whether the request may be repeated.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from resilience.sandbox.kube.api import ApiError, Obj

LARGEST_LINE = 64 << 20
JSON = "application/json"
STRATEGIC = "application/strategic-merge-patch+json"
MERGE = "application/merge-patch+json"


class BatchRequest(NamedTuple):
    """One request of a batch."""

    method: str
    path: str
    body: Any = None
    content_type: str = JSON


@dataclass(slots=True)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    used: bool = False


class Client:
    """Requests to the API server; at most `connections` at a time, not counting watches."""

    def __init__(self, socket_path: Path, token: str, *, connections: int = 8) -> None:
        self._path = str(socket_path)
        self._token = token
        self._idle: list[_Connection] = []
        self._room = asyncio.Semaphore(connections)

    async def get(self, path: str) -> Obj:
        """ApiError 404 when absent."""
        return await self.request("GET", path)

    async def create(self, path: str, obj: Obj) -> Obj:
        """POST `obj` to the collection at `path`."""
        return await self.request("POST", path, obj)

    async def patch(self, path: str, patch: Any, content_type: str = STRATEGIC) -> Obj:
        """PATCH the object (or subresource) at `path`."""
        return await self.request("PATCH", path, patch, content_type)

    async def delete(self, path: str, options: Obj | None = None) -> Obj:
        """DELETE the object at `path` with DeleteOptions."""
        return await self.request("DELETE", path, options)

    async def request(
        self, method: str, path: str, body: Any = None, content_type: str = JSON
    ) -> Obj:
        """One request; the decoded answer. A kept connection that has been closed is renewed."""
        (answer,) = await self._send([BatchRequest(method, path, body, content_type)])
        if isinstance(answer, ApiError):
            raise answer
        return answer

    async def batch(self, requests: Sequence[BatchRequest]) -> list[Obj | ApiError]:
        """Requests written at once on one connection; their answers in order, refusals included.

        Much cheaper than one after another on a busy server: a request of each connection has its
        turn in the server's loop, and this is one turn for all of them. They must be safe to
        repeat: when the connection breaks, it is unknown how many were received.
        """
        return await self._send(requests) if requests else []

    async def _send(self, requests: Sequence[BatchRequest]) -> list[Obj | ApiError]:
        data = b"".join(map(self._message, requests))
        async with self._room:
            while True:
                connection = self._idle.pop() if self._idle else await self._connect()
                try:
                    connection.writer.write(data)
                    return await self._answers(connection, len(requests))
                except (ConnectionError, asyncio.IncompleteReadError) as error:
                    connection.writer.close()
                    if not connection.used:
                        first = requests[0]
                        raise ConnectionError(f"{first.method} {first.path}: {error}") from error

    def _message(self, request: BatchRequest) -> bytes:
        method, path, body, content_type = request
        data = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
        return self._head(method, path, data, content_type) + data

    async def _connect(self) -> _Connection:
        reader, writer = await asyncio.open_unix_connection(self._path, limit=LARGEST_LINE)
        return _Connection(reader, writer)

    async def _answers(self, connection: _Connection, count: int) -> list[Obj | ApiError]:
        answers: list[Obj | ApiError] = []
        closing = False
        while len(answers) < count:
            if closing:
                raise ConnectionError(f"closed after {len(answers)} of {count} answers")
            status, headers = await _read_head(connection.reader)
            body = await _read_body(connection.reader, headers)
            answer: Obj = json.loads(body) if body else {}
            answers.append(answer if status < 400 else error_of(status, answer))
            closing = headers.get("connection") == "close"
        if closing:
            connection.writer.close()
        else:
            connection.used = True
            self._idle.append(connection)
        return answers

    def _head(self, method: str, path: str, data: bytes, content_type: str) -> bytes:
        return (
            f"{method} {path} HTTP/1.1\r\nHost: kubernetes\r\n"
            f"Authorization: Bearer {self._token}\r\nAccept: {JSON}\r\n"
            f"Content-Type: {content_type}\r\nContent-Length: {len(data)}\r\n\r\n"
        ).encode()

    async def watch(self, path: str) -> AsyncIterator[Obj]:
        """Watch events of a GET with `watch=1` until the server ends it."""
        connection = await self._connect()
        try:
            connection.writer.write(self._head("GET", path, b"", JSON))
            status, headers = await _read_head(connection.reader)
            if status >= 400:
                raise error_of(status, json.loads(await _read_body(connection.reader, headers)))
            async for line in _lines(connection.reader, headers):
                yield json.loads(line)
        except asyncio.IncompleteReadError as error:
            raise ConnectionError(f"watch {path} was cut off") from error
        finally:
            connection.writer.close()


def error_of(status: int, body: Any) -> ApiError:
    """The `Status` object of a refusal as an exception."""
    if not isinstance(body, dict):
        body = {}
    return ApiError(
        status,
        body.get("reason", ""),
        body.get("message", f"HTTP {status}"),
        details=body.get("details"),
        retry_after=body.get("details", {}).get("retryAfterSeconds"),
    )


async def _read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    pairs = (line.partition(":") for line in lines if line)
    headers = {name.lower(): value.strip().lower() for name, _, value in pairs}
    return int(first.split(" ", 2)[1]), headers


async def _read_body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding") == "chunked":
        return b"".join([chunk async for chunk in _chunks(reader)])
    return await reader.readexactly(int(headers.get("content-length", "0")))


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        yield await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")


async def _lines(reader: asyncio.StreamReader, headers: dict[str, str]) -> AsyncIterator[bytes]:
    if headers.get("transfer-encoding") != "chunked":
        while line := await reader.readline():
            yield line
        return
    rest = b""
    async for chunk in _chunks(reader):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if line:
                yield line
