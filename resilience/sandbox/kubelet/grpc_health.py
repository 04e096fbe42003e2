"""A gRPC health check (grpc.health.v1.Health/Check) with just enough HTTP/2 to ask once.

One stream on a fresh connection. The answer's message is read from its DATA frame; headers are not
decoded, because a health answer is told from a refusal by having a message at all.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct

from resilience.sandbox.api import Obj
from resilience.sandbox.kubelet.probe import Result
from resilience.sandbox.ports import published

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, END_HEADERS, ACK = 1, 4, 1
SERVING = 1
NAMES = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}


async def check(action: Obj, address: str, shift: int, timeout: float) -> Result:
    """Ask for `action["service"]` on `action["port"]`."""
    port = published(int(action["port"]), shift)
    where = f"{address}:{action['port']}"
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(address, port)
            try:
                writer.write(_question(where, action.get("service") or ""))
                status = await _answer(reader, writer)
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except TimeoutError:
        return Result(False, f'timeout: failed to connect service "{where}" within {timeout:g}s')
    except (OSError, EOFError) as error:
        refused = isinstance(error, ConnectionRefusedError)
        return Result(False, f'error: failed to connect service "{where}"', refused)
    if status is None:
        return Result(False, "error: this server does not implement the grpc health protocol")
    if status == SERVING:
        return Result(True)
    return Result(False, f'service unhealthy (responded with "{NAMES.get(status, status)}")')


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _literal(name: str, value: str) -> bytes:
    """One header, not indexed and not compressed (RFC 7541, 6.2.2); both under 127 bytes."""
    return b"".join(
        (b"\0", bytes((len(name),)), name.encode(), bytes((len(value),)), value.encode())
    )


def _question(authority: str, service: str) -> bytes:
    headers = (
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/grpc.health.v1.Health/Check"),
        (":authority", authority),
        ("content-type", "application/grpc"),
        ("user-agent", "kube-probe/1.36"),
        ("te", "trailers"),
    )
    block = b"".join(_literal(name, value) for name, value in headers)
    name = service.encode()
    message = b"\x0a" + bytes((len(name),)) + name if name else b""
    return b"".join(
        (
            PREFACE,
            _frame(SETTINGS, 0, 0, b""),
            _frame(HEADERS, END_HEADERS, 1, block),
            _frame(DATA, END_STREAM, 1, struct.pack(">BI", 0, len(message)) + message),
        )
    )


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int | None:
    """The serving status, None when the stream ends without a message."""
    data = b""
    while True:
        head = await reader.readexactly(9)
        length = int.from_bytes(head[:3], "big")
        kind, flags = head[3], head[4]
        payload = await reader.readexactly(length)
        if kind == SETTINGS and not flags & ACK:
            writer.write(_frame(SETTINGS, ACK, 0, b""))
        elif kind == PING and not flags & ACK:
            writer.write(_frame(PING, ACK, 0, payload))
        elif kind == DATA:
            data += payload
        if kind in (RST_STREAM, GOAWAY) or (kind in (DATA, HEADERS) and flags & END_STREAM):
            return _status(data)


def _status(data: bytes) -> int | None:
    """Field 1 of the HealthCheckResponse in a length-prefixed message; absent means 0."""
    if len(data) < 5:
        return None
    message = data[5 : 5 + int.from_bytes(data[1:5], "big")]
    return message[1] if message[:1] == b"\x08" else 0
