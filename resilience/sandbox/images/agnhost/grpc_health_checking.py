"""`agnhost grpc-health-checking`: a health service over gRPC, and HTTP to change what it says.

Only grpc.health.v1.Health/Check is answered; every other call is Unimplemented. TLS is not served.
"""

from __future__ import annotations

import asyncio
import time

from resilience.sandbox.images.agnhost.agnhost_main import FlagError, parse
from resilience.sandbox.images.agnhost.golang import Answer, HttpRequest, log, serve_in_background
from resilience.sandbox.wire import hpack, http2

FLAGS = {
    "port": 5000,
    "http-port": 8080,
    "delay-unhealthy-sec": -1,
    "service": "",
    "tls-cert-file": "",
    "tls-private-key-file": "",
}
CHECK = "/grpc.health.v1.Health/Check"
SERVING, NOT_SERVING = 1, 2
_NOT_FOUND, _UNIMPLEMENTED = 5, 12


def grpc_health_checking(arguments: list[str]) -> int:
    """Serve until killed."""
    flags, _ = parse(arguments, FLAGS)
    if flags["tls-cert-file"] or flags["tls-private-key-file"]:
        raise FlagError("the sandbox's agnhost serves gRPC without TLS only")
    health = HealthService(service=flags["service"], delay=flags["delay-unhealthy-sec"])
    serve_in_background(flags["http-port"], health.route)
    log(f"gRPC server starting to listen on :{flags['port']}")
    asyncio.run(_forever(health, flags["port"]))
    return 0


async def _forever(health: HealthService, port: int) -> None:
    async with await asyncio.start_server(health.serve, None, port) as server:
        await server.serve_forever()


class HealthService:
    """`delay` is the number of seconds after which it is not serving; negative: never."""

    def __init__(self, service: str, delay: int) -> None:
        self._service = service
        self._delay = delay
        self._started = time.monotonic()
        self._forced: bool | None = None

    @property
    def serving(self) -> bool:
        """What a check says now."""
        if self._forced is not None:
            return self._forced
        return self._delay < 0 or time.monotonic() - self._started < self._delay

    def route(self, request: HttpRequest) -> Answer:
        """The HTTP side."""
        if request.path not in ("/make-serving", "/make-not-serving"):
            return Answer("404 page not found\n", 404)
        self._forced = request.path == "/make-serving"
        return Answer(f"{time.monotonic() - self._started:.6f}s")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, with as many calls as the client makes."""
        try:
            await reader.readexactly(len(http2.PREFACE))
            writer.write(http2.frame(http2.SETTINGS, 0, 0, b""))
            await self._calls(reader, writer)
        except (EOFError, ConnectionError, ValueError):
            pass  # A client that disconnects, or speaks something else, is not reported.
        finally:
            writer.close()

    async def _calls(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        paths: dict[int, str] = {}
        bodies: dict[int, bytes] = {}
        while True:
            head = await reader.readexactly(9)
            kind, flags = head[3], head[4]
            stream = int.from_bytes(head[5:9], "big")
            payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
            if kind == http2.GOAWAY:
                return
            if kind in (http2.SETTINGS, http2.PING) and not flags & http2.ACK:
                echo = payload if kind == http2.PING else b""
                writer.write(http2.frame(kind, http2.ACK, 0, echo))
            elif kind == http2.HEADERS:
                values = [value for _, value in hpack.fields(http2.bare(flags, payload))]
                paths[stream] = CHECK if CHECK in values else ""
            elif kind == http2.DATA:
                bodies[stream] = bodies.get(stream, b"") + http2.bare(flags, payload)
            if kind in (http2.HEADERS, http2.DATA) and flags & http2.END_STREAM:
                request = http2.content(bodies.pop(stream, b""))
                writer.write(self._answer(stream, paths.pop(stream, ""), request))

    def _answer(self, stream: int, path: str, request: bytes) -> bytes:
        if not path:
            return _refusal(stream, _UNIMPLEMENTED, "unimplemented")
        if _name(request) != self._service:
            return _refusal(stream, _NOT_FOUND, "unknown service")
        log("Serving the Check request for health check")
        status = bytes((8, SERVING if self.serving else NOT_SERVING))
        return b"".join(
            (
                http2.frame(http2.HEADERS, http2.END_HEADERS, stream, _head()),
                http2.frame(http2.DATA, 0, stream, http2.message(status)),
                _end(stream, http2.headers(("grpc-status", "0"))),
            )
        )


def _head(*more: tuple[str, str]) -> bytes:
    return http2.headers((":status", "200"), ("content-type", "application/grpc"), *more)


def _end(stream: int, block: bytes) -> bytes:
    return http2.frame(http2.HEADERS, http2.END_HEADERS | http2.END_STREAM, stream, block)


def _refusal(stream: int, code: int, why: str) -> bytes:
    return _end(stream, _head(("grpc-status", str(code)), ("grpc-message", why)))


def _name(request: bytes) -> str:
    """Field 1 of a HealthCheckRequest; it is shorter than 128 bytes."""
    if request[:1] != b"\x0a" or len(request) < 2:
        return ""
    return request[2 : 2 + request[1]].decode(errors="replace")
