"""A gRPC health check (grpc.health.v1.Health/Check) with just enough HTTP/2 for one call.

One stream on a fresh connection: the status of the call is read from the trailers, the serving
status from the message. Texts are those of pkg/probe/grpc.
"""

from __future__ import annotations

import asyncio
import contextlib
from urllib.parse import unquote

from resilience.sandbox.host.health import exhausted
from resilience.sandbox.host.ports import published
from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kubelet.probes.probe import Result
from resilience.sandbox.wire import hpack, http2

CODES = (
    "OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound",
    "AlreadyExists", "PermissionDenied", "ResourceExhausted", "FailedPrecondition", "Aborted",
    "OutOfRange", "Unimplemented", "Internal", "Unavailable", "DataLoss", "Unauthenticated",
)  # fmt: skip
SERVING = 1
NAMES = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}


async def check(action: Obj, address: str, shift: int, timeout: float) -> Result:
    """Check `action["service"]` on `action["port"]`; OSError if this process reached a limit."""
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
        if exhausted(error):
            raise
        refused = isinstance(error, ConnectionRefusedError)
        return Result(False, f'error: failed to connect service "{where}"', refused)
    except ValueError as error:
        return Result(False, f"error: health rpc probe failed: {error}")
    if not isinstance(status, int):
        return Result(False, status)
    if status == SERVING:
        return Result(True)
    return Result(False, f'service unhealthy (responded with "{NAMES.get(status, status)}")')


def _question(authority: str, service: str) -> bytes:
    block = http2.headers(
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/grpc.health.v1.Health/Check"),
        (":authority", authority),
        ("content-type", "application/grpc"),
        ("user-agent", "kube-probe/1.36"),
        ("te", "trailers"),
    )
    name = service.encode()
    request = b"\x0a" + http2.varint(len(name)) + name if name else b""
    return b"".join(
        (
            http2.PREFACE,
            http2.frame(http2.SETTINGS, 0, 0, b""),
            http2.frame(http2.HEADERS, http2.END_HEADERS, 1, block),
            http2.frame(http2.DATA, http2.END_STREAM, 1, http2.message(request)),
        )
    )


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int | str:
    """The serving status, or why there is none."""
    data = b""
    said: dict[str, str] = {}
    while True:
        head = await reader.readexactly(9)
        length = int.from_bytes(head[:3], "big")
        kind, flags = head[3], head[4]
        payload = await reader.readexactly(length)
        if kind == http2.SETTINGS and not flags & http2.ACK:
            writer.write(http2.frame(http2.SETTINGS, http2.ACK, 0, b""))
        elif kind == http2.PING and not flags & http2.ACK:
            writer.write(http2.frame(http2.PING, http2.ACK, 0, payload))
        elif kind == http2.DATA:
            data += http2.bare(flags, payload)
        elif kind == http2.HEADERS:
            said.update(hpack.fields(http2.bare(flags, payload)))
        if kind in (http2.RST_STREAM, http2.GOAWAY) or (
            kind in (http2.DATA, http2.HEADERS) and flags & http2.END_STREAM
        ):
            return _refusal(said) or _status(data)


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
    message = http2.content(data)
    return message[1] if message[:1] == b"\x08" else 0
