"""`grpc` against a real server (grpcio): health, calls by reflection or descriptor, failures."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import h2.config
import h2.connection
import h2.events
import pytest
from google.protobuf import descriptor_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from resilience.ledger.drivers.session import Credential
from resilience.ledger.drivers.trust import Authorities, ClientCertificate
from resilience.model.masks import MASKS, shown
from resilience.model.samples import Answer
from resilience.model.values import Duration
from resilience.probes.kinds.web.grpc import VERB, Grpc, ask, configuration
from resilience.probes.kinds.web.grpc_calls import CHECK, failed, opened
from resilience.probes.kinds.web.grpc_calls import health as judged
from resilience.verbs.context import NotMet
from tests.probes.probing import Context, running, wait_for
from tests.probes.server import Server, hang, say

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
CALL = "grpc.health.v1.Health/Check"


class Running:
    """A gRPC server on loopback; `seen` has the metadata of each call."""

    def __init__(self, *, reflects: bool = True, credentials: Any = None) -> None:
        self.peers: set[str] = set()
        self.health = _Peers(self.peers)
        self.health.set("", SERVING)
        self.health.set("shop.Cart", NOT_SERVING)
        self.seen: list[dict[str, Any]] = []
        self.server = grpc.server(ThreadPoolExecutor(4), interceptors=[_Seeing(self.seen)])
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self.server)
        if reflects:
            names = (health_pb2.DESCRIPTOR.services_by_name["Health"].full_name,)
            reflection.enable_server_reflection(names, self.server)
        where = "127.0.0.1:0"
        self.port: int = (
            self.server.add_secure_port(where, credentials)
            if credentials
            else self.server.add_insecure_port(where)
        )
        self.server.start()


class _Peers(health.HealthServicer):  # type: ignore[misc]
    def __init__(self, peers: set[str]) -> None:
        super().__init__()
        self._peers = peers

    def Check(self, request: Any, context: Any) -> Any:
        self._peers.add(context.peer())
        return super().Check(request, context)


class _Seeing(grpc.ServerInterceptor):  # type: ignore[misc]
    def __init__(self, seen: list[dict[str, Any]]) -> None:
        self._seen = seen

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        self._seen.append(dict(details.invocation_metadata))
        return continuation(details)


@contextmanager
def serving(**given: Any) -> Iterator[Running]:
    started = Running(**given)
    try:
        yield started
    finally:
        started.server.stop(0).wait()


def wanted(port: int, **given: Any) -> Grpc:
    usual: dict[str, Any] = {"host": "127.0.0.1", "port": port, "timeout": Duration.of(5)}
    made = Grpc(**{**usual, **given})
    assert list(VERB.check(made)) == []
    return made


def good(port: int, **given: Any) -> None:
    context: Any = Context(port)
    assert "answered" in ask(wanted(port, **given), context)


def failing(port: int, folder: Path = Path(), **given: Any) -> str:
    context: Any = Context(port)
    context.directory = folder
    with pytest.raises(NotMet) as told:
        ask(wanted(port, **given), context)
    return str(told.value)


def test_only_the_status_serving_is_healthy() -> None:
    with serving() as server:
        good(server.port)
        assert "wrong answer: health is NOT_SERVING" in failing(server.port, health="shop.Cart")
        assert "wrong answer: NOT_FOUND" in failing(server.port, health="no.Such")
        assert "wrong answer: NOT_FOUND" in failing(server.port, health="x" * 300)
    assert judged(b"").text == "health is UNKNOWN"
    assert judged(b"\x08\x03").text == "health is SERVICE_UNKNOWN"


@pytest.mark.parametrize(
    ("given", "name", "authority"),
    [
        ({"service": "a", "port": 9090}, "a.shop", "a.shop:9090"),
        ({"service": "a", "namespace": "other"}, "a.other", "a.other:80"),
        ({"host": "10.0.0.1", "port": 9}, "10.0.0.1", ""),
        ({"service": "a", "server_name": "b"}, "b", "b"),
    ],
)
def test_a_service_is_called_by_the_name_that_its_clients_use(
    given: dict[str, Any], name: str, authority: str
) -> None:
    plain = configuration(Grpc(**given), Context(64090))
    assert (plain["trust"], plain["authority"]) == (None, authority)
    told = configuration(Grpc(**given, tls=True), Context(64090))
    assert (told["trust"]["name"], told["authority"]) == (name, authority)


@pytest.mark.parametrize("authority", ["a.shop:9090", ""])
def test_the_authority_reaches_the_server(authority: str) -> None:
    """grpcio sends it as it stands; a server in Python does not tell it."""
    heard: list[bytes] = []

    def hears(connection: socket.socket) -> None:
        connection.sendall(b"\0\0\0\4\0\0\0\0\0")  # SETTINGS, without which no call is sent
        while CHECK.encode() not in b"".join(heard):
            heard.append(connection.recv(4096))

    with Server(hears) as server:
        given = {**configuration(wanted(server.port), Context()), "authority": authority}
        assert opened(given, lambda part: None)().answer is not Answer.GOOD
        assert (authority or f"127.0.0.1:{server.port}").encode() in b"".join(heard)


def test_a_method_is_described_by_the_server_and_its_answer_compared() -> None:
    with serving() as server:
        good(server.port, call=CALL, json={"status": "SERVING"})
        asked: dict[str, Any] = {
            "call": CALL,
            "request": '{"service": "shop.Cart"}',
            "json": {"status": "SERVING"},
        }
        assert "status is NOT_SERVING, expected SERVING" in failing(server.port, **asked)
        assert "there is no state" in failing(server.port, call=CALL, json={"state": "x"})


def test_a_method_is_described_by_a_file(tmp_path: Path) -> None:
    files = descriptor_pb2.FileDescriptorSet()
    health_pb2.DESCRIPTOR.CopyToProto(files.file.add())
    (tmp_path / "health.pb").write_bytes(files.SerializeToString())
    (tmp_path / "broken.pb").write_bytes(b"\xff\xff")
    with serving(reflects=False) as server:
        context: Any = Context(server.port)
        context.directory = tmp_path
        given = {"call": CALL, "json": {"status": "SERVING"}}
        assert "answered" in ask(
            wanted(server.port, descriptor=Path("health.pb"), **given), context
        )
        for descriptor, says in (("broken.pb", "cannot be read"), ("absent.pb", "cannot be read")):
            told = failing(server.port, tmp_path, descriptor=Path(descriptor), **given)
            assert says in told


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"call": "no.Such/Call"}, "there is no description of gRPC service no.Such"),
        ({"call": "grpc.health.v1.Health/Watch"}, "is not a unary method"),
        ({"call": CALL, "request": '{"nonsense": 1}'}, "`request` is not a grpc.health.v1"),
    ],
)
def test_what_can_never_be_called_is_said_at_once(given: dict[str, Any], says: str) -> None:
    with serving() as server:
        assert says in failing(server.port, **given)


def test_a_server_that_does_not_describe_itself_needs_a_file() -> None:
    with serving(reflects=False) as server:
        assert "expected `descriptor:`" in failing(server.port, call=CALL)
    assert "connection refused" in failing(server.port, call=CALL)


def test_a_server_without_health_is_not_healthy() -> None:
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        assert "wrong answer: UNIMPLEMENTED" in failing(port)
    finally:
        server.stop(0).wait()


def test_a_token_is_sent_by_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TOKEN", "s3cret-4711")
    with serving() as server:
        good(server.port, password=Credential(env="API_TOKEN"))
        assert server.seen[-1]["authorization"] == "Bearer s3cret-4711"


def test_a_token_ends_with_its_line_and_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    MASKS.clear()
    monkeypatch.setenv("API_TOKEN", "s3cret-4711\n")
    with serving() as server:
        good(server.port, password=Credential(env="API_TOKEN"))
        assert server.seen[-1]["authorization"] == "Bearer s3cret-4711"
    assert shown("s3cret-4711") == "***"
    MASKS.clear()


@pytest.mark.parametrize("token", ["", "\n", "s3cret\n4711", "s3cret 4711", "caf\u00e9-4711"])
def test_a_token_that_cannot_be_sent_is_not_the_services_fault(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_TOKEN", token)
    with serving() as server:
        told = failing(server.port, password=Credential(env="API_TOKEN"))
        assert server.seen == []
    assert "the token is empty or cannot be sent in a header" in told
    assert "s3cret" not in told


def test_connections_that_fail_have_names_of_their_own() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert "connection refused" in failing(port)
    with Server(hang) as server:
        assert "timed out" in failing(server.port, timeout=Duration.of(0.5))
    for nonsense in (say(b""), say(b"HTTP/1.1 400 Bad Request\r\n\r\n")):
        with Server(nonsense) as server:
            told = failing(server.port, timeout=Duration.of(2))
        assert any(word in told for word in ("reset", "timed out", "wrong answer", "unreachable"))
    long = "failed to connect to all addresses; last error: UNKNOWN: ipv4:10.0.0.1:443: "
    no_http2 = failed("UNAVAILABLE", f"{long}Cannot check peer: missing selected ALPN property.")
    assert no_http2.answer is Answer.TLS
    assert no_http2.text.endswith("missing selected ALPN property.")
    twice = failed("UNAVAILABLE", "last error: UNAVAILABLE: ipv4:10.0.0.1:443: Socket closed")
    assert twice.text == "UNAVAILABLE: ipv4:10.0.0.1:443: Socket closed"
    assert failed("UNAVAILABLE", "DNS resolution failed for x").answer is Answer.NAME
    assert failed("RESOURCE_EXHAUSTED", "too large").answer is Answer.WRONG


def test_each_question_is_a_connection_of_its_own_unless_kept() -> None:
    with serving() as server:
        for keepalive in (False, True):
            server.peers.clear()
            asked = wanted(server.port, keepalive=keepalive)
            with running(asked, verb=VERB, rate="20/s") as probe:
                wait_for(probe, Answer.GOOD, 15)
            assert (len(server.peers) >= 15) is not keepalive, server.peers


def test_a_call_that_a_kept_connection_refused_unread_is_sent_once_more() -> None:
    """A server that goes away says which calls it has processed (RFC 9113, section 6.8)."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        listener.settimeout(20)
        served = pool.submit(_go_away, listener, [2, 2, 1])
        asked = wanted(listener.getsockname()[1], keepalive=True)
        ask = opened(configuration(asked, Context()), lambda part: None)
        assert [ask().answer for _ in range(3)] == [Answer.GOOD] * 3
        served.result()


def _go_away(listener: socket.socket, calls: list[int]) -> None:
    """A connection for each number: it answers the first call, and ends at the last of so many."""
    for number in calls:
        connection, _ = listener.accept()
        connection.settimeout(20)
        with connection:
            _answer_one(connection, 2 * number - 1)


def _answer_one(connection: socket.socket, last: int) -> None:
    speaks = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    speaks.initiate_connection()
    stream = 0
    while stream < last:
        connection.sendall(speaks.data_to_send())
        for event in speaks.receive_data(connection.recv(65536)):
            if not isinstance(event, h2.events.StreamEnded):
                continue
            stream = int(event.stream_id)
            if stream == 1:
                head = [(":status", "200"), ("content-type", "application/grpc")]
                speaks.send_headers(stream, head)
                speaks.send_data(stream, b"\0\0\0\0\2\x08\x01")
                speaks.send_headers(stream, [("grpc-status", "0")], end_stream=True)
    speaks.close_connection(last_stream_id=1)
    connection.sendall(speaks.data_to_send())


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "grpc", None)
    assert "pip install 'pytest-resilience[grpc]'" in failing(1)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, ""),
        ({"host": "x"}, "port"),
        ({"service": "a", "call": "Quote"}, "call"),
        ({"service": "a", "json": {"a": "b"}}, "json"),
        ({"service": "a", "descriptor": Path("x")}, "descriptor"),
        ({"service": "a", "call": "a.B/C", "json": {"a..b": "b"}}, "json"),
        ({"service": "a", "ca": Path("x")}, "ca"),
        ({"service": "a", "ca": Path("x"), "server_name": "b"}, "ca"),
        (
            {"service": "a", "client_certificate": ClientCertificate(secret="x")},
            "client_certificate",
        ),
        ({"service": "a", "tls": True, "ca_from": Authorities()}, "ca_from"),
        ({"service": "a", "request": "[1]"}, "request"),
        ({"service": "a", "request": "{"}, "request"),
        ({"service": "a", "health": "é"}, "health"),
        ({"service": "a", "timeout": Duration.of(0)}, "timeout"),
    ],
)
def test_what_cannot_be_asked_is_told_at_its_key(given: dict[str, Any], field: str) -> None:
    assert [each.field for each in VERB.check(Grpc(**given))] == [field]
