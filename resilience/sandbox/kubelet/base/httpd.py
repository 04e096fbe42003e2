"""A small HTTP/1.1 server on the kubelet's Unix socket: one request a connection.

Only the API server of the same sandbox connects to it. A handler answers with `Request.answer`, or
takes over the streams (logs that follow, WebSockets).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from resilience.sandbox.kube.api import ApiError, Obj

LARGEST_HEAD = 1 << 16


@dataclass(slots=True)
class KubeletRequest:
    """One request; `query` holds every value of each key."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def first(self, name: str, default: str = "") -> str:
        """The first value of a query key."""
        return self.query.get(name, [default])[0]

    def flag(self, name: str) -> bool:
        """A boolean query key."""
        return self.first(name).lower() in ("true", "1")

    def json(self) -> Obj:
        """The body as a JSON object; ApiError 400 otherwise."""
        try:
            found = json.loads(self.body or b"{}")
        except ValueError as error:
            raise ApiError(400, "BadRequest", f"the body is not JSON: {error}") from error
        if not isinstance(found, dict):
            raise ApiError(400, "BadRequest", "the body is not a JSON object")
        return found

    def answer(self, status: int, obj: Any) -> None:
        """Answer with JSON."""
        body = json.dumps(obj).encode()
        self._head(status, "application/json", f"Content-Length: {len(body)}")
        self.writer.write(body)

    def begin(self, content_type: str) -> None:
        """Begin an answer of unknown length; continue with `send`, end with `end`."""
        self._head(200, content_type, "Transfer-Encoding: chunked")

    async def send(self, data: bytes) -> None:
        """One piece of an answer that `begin` began."""
        if data:
            self.writer.write(b"%x\r\n%b\r\n" % (len(data), data))
            await self.writer.drain()

    def end(self) -> None:
        """End an answer that `begin` began."""
        self.writer.write(b"0\r\n\r\n")

    def _head(self, status: int, content_type: str, length: str) -> None:
        lines = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            f"Content-Type: {content_type}",
            length,
            "Connection: close",
        )
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())


Handler = Callable[[KubeletRequest], Awaitable[None]]


def status_of(error: ApiError) -> Obj:
    """A refusal as a `Status` object."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": error.message,
        "reason": error.reason,
        "details": error.details,
        "code": error.code,
    }


async def serve(path: str, handler: Handler) -> asyncio.Server:
    """Listen on a Unix socket; every connection's request goes to `handler`."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await _read(reader, writer)
            try:
                await handler(request)
            except ApiError as error:
                request.answer(error.code, status_of(error))
            await writer.drain()
        except (ConnectionError, EOFError, ValueError):
            pass  # a peer that disconnected or does not speak HTTP
        finally:
            writer.close()

    return await asyncio.start_unix_server(connected, path, limit=LARGEST_HEAD)


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> KubeletRequest:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ", 2)
    split = urlsplit(target)
    headers: dict[str, str] = {}
    for name, _, value in (line.partition(":") for line in lines if line):
        before = headers.get(name.lower())
        headers[name.lower()] = f"{before}, {value.strip()}" if before else value.strip()
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    query = parse_qs(split.query, keep_blank_values=True)
    return KubeletRequest(method, unquote(split.path), query, headers, body, reader, writer)
