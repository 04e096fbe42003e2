"""The gRPC probe against a health server that speaks whole HTTP/2 (by h2), headers compressed."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest

from resilience.sandbox.kubelet.probes import grpc_health
from resilience.sandbox.kubelet.probes.probe import Result
from resilience.sandbox.wire import hpack

LONG = "x" * 300


class HealthServer:
    """Services by name: a serving status, or a gRPC code with its text."""

    def __init__(self, services: dict[str, int | tuple[int, str]], *, ping: bool = False) -> None:
        self._services = services
        self._ping = ping

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        connection = h2.connection.H2Connection(config)
        connection.initiate_connection()
        writer.write(connection.data_to_send())
        body = b""
        while data := await reader.read(4096):
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    self._check(dict(event.headers))
                elif isinstance(event, h2.events.DataReceived):
                    body += event.data
                elif isinstance(event, h2.events.StreamEnded):
                    if self._ping:
                        connection.ping(b"12345678")
                    self._answer(connection, event.stream_id, body)
            writer.write(connection.data_to_send())
        writer.close()

    def _check(self, headers: dict[Any, Any]) -> None:
        assert headers[":path"] == "/grpc.health.v1.Health/Check"
        assert headers["content-type"] == "application/grpc"
        assert headers["te"] == "trailers"

    def _answer(self, connection: h2.connection.H2Connection, stream: int, body: bytes) -> None:
        begin = [(":status", "200"), ("content-type", "application/grpc")]
        answer = self._services.get(_name(body[5:]), (5, "unknown service"))
        if not isinstance(answer, int):
            code, text = answer
            end = [("grpc-status", str(code)), ("grpc-message", text)]
            connection.send_headers(stream, [*begin, *end], end_stream=True)
            return
        message = bytes((8, answer)) if answer else b""
        connection.send_headers(stream, begin)
        connection.send_data(stream, struct.pack(">BI", 0, len(message)) + message, pad_length=9)
        connection.send_headers(stream, [("grpc-status", "0")], end_stream=True)


def _name(message: bytes) -> str:
    """Field 1 of a HealthCheckRequest."""
    if not message:
        return ""
    length, at = message[1], 2
    if length > 127:
        length, at = length & 127 | message[2] << 7, 3
    return message[at : at + length].decode()


def ask(server: HealthServer, service: str = "") -> Result:
    async def both() -> Result:
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        async with listening:
            port = listening.sockets[0].getsockname()[1]
            action = {"port": port, "service": service}
            return await grpc_health.check(action, "127.0.0.1", 0, 5.0)

    return asyncio.run(both())


@pytest.mark.parametrize("service", ["", "shop.Cart", LONG])
def test_a_serving_service_passes_whatever_its_name(service: str) -> None:
    assert ask(HealthServer({service: 1}, ping=True), service) == Result(True)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (2, 'service unhealthy (responded with "NOT_SERVING")'),
        (0, 'service unhealthy (responded with "UNKNOWN")'),
        (3, 'service unhealthy (responded with "SERVICE_UNKNOWN")'),
        ((5, "unknown service"),
         "error: health rpc probe failed: rpc error: code = NotFound desc = unknown service"),
        ((12, "nothing%20here"), "error: this server does not implement the grpc health protocol"
         " (grpc.health.v1.Health): nothing here"),
    ],
)  # fmt: skip
def test_anything_else_fails_in_the_kubelets_words(
    answer: int | tuple[int, str], text: str
) -> None:
    assert ask(HealthServer({"": answer})) == Result(False, text)


def test_what_is_no_http2_fails() -> None:
    class Plain(HealthServer):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            writer.close()

    assert not ask(Plain({})).ok


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        # RFC 7541, C.2.1, C.4.1 (its literal field) and C.6.1 (its literals).
        ("400a637573746f6d2d6b65790d637573746f6d2d686561646572", [("custom-key", "custom-header")]),
        ("828684418cf1e3c2e5f23a6ba0ab90f4ff", [("", "www.example.com")]),
        ("488264025885aec3771a4b", [("", "302"), ("", "private")]),
    ],
)
def test_the_examples_of_the_rfc_are_read(block: str, expected: list[tuple[str, str]]) -> None:
    assert list(hpack.fields(bytes.fromhex(block))) == expected


def test_a_block_that_is_cut_off_is_an_error() -> None:
    with pytest.raises(ValueError, match="ends in the middle"):
        list(hpack.fields(bytes.fromhex("400a6375")))
