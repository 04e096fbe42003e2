"""A gRPC health check (grpc.health.v1.Health/Check) with just enough HTTP/2 for one call.

One stream on a fresh connection: the status of the call is read from the trailers, the serving
status from the message. Texts are those of pkg/probe/grpc.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from urllib.parse import unquote

from resilience.sandbox.host.ports import published
from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kubelet.probes import hpack
from resilience.sandbox.kubelet.probes.probe import Result

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, END_HEADERS, ACK, PADDED, PRIORITY = 1, 4, 1, 8, 32
CODES = (
    "OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound",
    "AlreadyExists", "PermissionDenied", "ResourceExhausted", "FailedPrecondition", "Aborted",
    "OutOfRange", "Unimplemented", "Internal", "Unavailable", "DataLoss", "Unauthenticated",
)  # fmt: skip
SERVING = 1
NAMES = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}


async def check(action: Obj, address: str, shift: int, timeout: float) -> Result:
    """Check `action["service"]` on `action["port"]`."""
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
    except ValueError as error:
        return Result(False, f"error: health rpc probe failed: {error}")
    if not isinstance(status, int):
        return Result(False, status)
    if status == SERVING:
        return Result(True)
    return Result(False, f'service unhealthy (responded with "{NAMES.get(status, status)}")')


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _literal(name: str, value: str) -> bytes:
    """One header, not indexed and not compressed (RFC 7541, 6.2.2)."""
    one, two = name.encode(), value.encode()
    return b"".join((b"\0", hpack.number(len(one), 7), one, hpack.number(len(two), 7), two))


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
    message = b"\x0a" + _varint(len(name)) + name if name else b""
    return b"".join(
        (
            PREFACE,
            _frame(SETTINGS, 0, 0, b""),
            _frame(HEADERS, END_HEADERS, 1, block),
            _frame(DATA, END_STREAM, 1, struct.pack(">BI", 0, len(message)) + message),
        )
    )


def _varint(value: int) -> bytes:
    """As protobuf writes a length: seven bits a byte, the lowest first."""
    found = []
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes((*found, value))


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int | str:
    """The serving status, or why there is none."""
    data = b""
    said: dict[str, str] = {}
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
            data += _bare(flags, payload)
        elif kind == HEADERS:
            said.update(hpack.fields(_bare(flags, payload)))
        if kind in (RST_STREAM, GOAWAY) or (kind in (DATA, HEADERS) and flags & END_STREAM):
            return _refusal(said) or _status(data)


def _bare(flags: int, payload: bytes) -> bytes:
    """A payload without its padding and priority (RFC 9113, 6.1 and 6.2)."""
    if flags & PADDED:
        payload = payload[1 : len(payload) - payload[0]]
    return payload[5:] if flags & PRIORITY else payload


def _refusal(said: dict[str, str]) -> str:
    """The error in the trailers, "" if there is none."""
    code = said.get("grpc-status", "")
    name = CODES[int(code)] if code.isdigit() and int(code) < len(CODES) else "Unknown"
    text = unquote(said.get("grpc-message", ""))
    if code == "0":
        return ""
    if name == "Unimplemented":
        protocol = "the grpc health protocol (grpc.health.v1.Health)"
        return f"error: this server does not implement {protocol}: {text}"
    return f"error: health rpc probe failed: rpc error: code = {name} desc = {text}"


def _status(data: bytes) -> int:
    """Field 1 of the HealthCheckResponse in a length-prefixed message; absent means 0."""
    message = data[5 : 5 + int.from_bytes(data[1:5], "big")]
    return message[1] if message[:1] == b"\x08" else 0
