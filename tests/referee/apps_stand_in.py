"""What serves in place of a public application: every port that its manifests name.

`python apps_stand_in.py PORT... [--ends=JOB...]` answers 200 to any HTTP request, SERVING to a gRPC
health check, and keeps any other connection open. Without a port it sleeps, as a worker does. In a
Pod of one of the Jobs it ends at once: the same image may serve elsewhere.
"""

from __future__ import annotations

import asyncio
import socket
import sys

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
DATA, HEADERS, SETTINGS, PING = 0, 1, 4, 6
ENDS = "--ends="
END_STREAM, END_HEADERS, ACK = 1, 4, 1
STATUS_200 = b"\x88"
SERVING = b"\x00\x00\x00\x00\x02\x08\x01"
"""An uncompressed message of two bytes: field 1, the value SERVING."""


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        first = await reader.read(len(PREFACE))
        if first.startswith(b"PRI"):
            await _http2(reader, writer)
        elif first.split(b" ")[0] in (b"GET", b"HEAD", b"POST", b"PUT", b"OPTIONS"):
            writer.write(OK)
            await writer.drain()
        else:
            while await reader.read(4096):
                pass
    except (ConnectionError, asyncio.IncompleteReadError):
        pass  # the client has gone
    finally:
        writer.close()


async def _http2(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(_frame(SETTINGS, 0, 0, b""))
    while True:
        head = await reader.readexactly(9)
        kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
        body = await reader.readexactly(int.from_bytes(head[:3], "big"))
        if kind in (SETTINGS, PING) and not flags & ACK:
            writer.write(_frame(kind, ACK, 0, body if kind == PING else b""))
        elif kind in (HEADERS, DATA) and flags & END_STREAM:
            content = _field(b"content-type", b"application/grpc")
            writer.write(_frame(HEADERS, END_HEADERS, stream, STATUS_200 + content))
            writer.write(_frame(DATA, 0, stream, SERVING))
            trailer = _field(b"grpc-status", b"0")
            writer.write(_frame(HEADERS, END_HEADERS | END_STREAM, stream, trailer))
        await writer.drain()


def _frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    return len(body).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + body


def _field(name: bytes, value: bytes) -> bytes:
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


async def main(ports: list[int]) -> None:
    """Serve until the process is ended."""
    servers = [await asyncio.start_server(_serve, "0.0.0.0", port) for port in ports]
    print(f"serving {ports}", flush=True)
    await asyncio.Event().wait()
    del servers


if __name__ == "__main__":
    jobs = [word.removeprefix(ENDS) for word in sys.argv[1:] if word.startswith(ENDS)]
    if not any(socket.gethostname().startswith(f"{job}-") for job in jobs):
        asyncio.run(main([int(word) for word in sys.argv[1:] if not word.startswith(ENDS)]))
