"""`journey`: users one after another, lost at a step that is named; HTTP/2; bad servers."""

from __future__ import annotations

import json
import socket
import ssl
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import h2.events
import httpx
import pytest

from resilience.ledger.drivers.session import Credential
from resilience.model.masks import MASKS
from resilience.model.samples import Answer
from resilience.model.scenario import Objective
from resilience.model.values import Availability, Duration
from resilience.model.verdict import Result, Window
from resilience.probes.kinds.web.journey import VERB, Journey, Stop, ask
from resilience.probes.kinds.web.travel import _failure
from resilience.verbs.context import NotMet
from tests.loopback import Answering, serving
from tests.probes.kinds.web.test_http_trust import pair
from tests.probes.probing import Context, running, wait_for, whole
from tests.probes.server import Server, answer, hang, say

LOG_IN = Stop(name="log in", method="POST", path="/login", body="user=a", keep={"cart": "cart.id"})
PAY = Stop(
    name="pay", method="POST", path="/cart/{cart}/pay", status=201, body='{"cart": "{cart}"}'
)


class Shop(Answering):
    """Log in gives a cookie and a cart; paying needs both, unless the shop is `broken`."""

    broken = False
    seen: list[tuple[str, str]]

    def do_GET(self) -> None:
        self.seen.append(("GET", self.path))
        where = {"/old": "/new", "/loop": "/loop"}.get(self.path)
        if where:
            self.answer(302, headers={"Location": where})
        else:
            self.answer(200, b"<html>")

    def do_POST(self) -> None:
        body = self.sent_body().decode()
        self.seen.append(("POST", f"{self.path} {body}"))
        if self.path == "/login":
            text = json.dumps({"cart": {"id": 42}}).encode()
            self.answer(200, text, {"Set-Cookie": "session=abc"})
            return
        good = "session=abc" in self.headers.get("Cookie", "") and self.path == "/cart/42/pay"
        self.answer(500 if type(self).broken or not good else 201)


@contextmanager
def shop() -> Iterator[tuple[str, type[Shop]]]:
    made = type("Fresh", (Shop,), {"seen": [], "broken": False})
    with serving(made) as url:
        yield url, made


def asked(url: str, *stops: Stop, folder: Path = Path(), **given: Any) -> str:
    journey = Journey(url=url, steps=stops, **given)
    assert list(VERB.check(journey)) == []
    context: Any = Context()
    context.directory = folder
    return ask(journey, context)


def failing(url: str, *stops: Stop, **given: Any) -> str:
    with pytest.raises(NotMet) as told:
        asked(url, *stops, **given)
    return str(told.value)


def test_cookies_and_kept_values_reach_later_steps() -> None:
    with shop() as (url, made):
        assert "log in, pay at" in asked(url, LOG_IN, PAY)
        assert made.seen == [("POST", "/login user=a"), ("POST", '/cart/42/pay {"cart": "42"}')]


def test_a_service_is_called_by_the_name_and_port_that_its_clients_use() -> None:
    with Server(answer()) as server:
        journey = Journey(service="shop", port=8080, steps=(Stop(name="look", path="/"),))
        context: Any = Context(server.port)
        assert "answered" in ask(journey, context)
        assert b"Host: shop.shop:8080\r\n" in server.heads[0]


def test_a_new_user_has_no_cookies() -> None:
    alone = Stop(name="pay", method="POST", path="/cart/42/pay", status=201)
    with shop() as (url, _):
        asked(url, LOG_IN, PAY)
        assert "pay: status 500" in failing(url, alone)


def test_each_failure_names_its_step() -> None:
    with shop() as (url, _):
        for stop, says in (
            (Stop(name="a", path="/", status=404), "wrong status: a: status 200"),
            (Stop(name="a", path="/", contains="never"), "wrong body: a: <html>"),
            (Stop(name="a", path="/", json={"x": "y"}), "wrong body: a: the body is not JSON"),
            (Stop(name="a", method="POST", path="/login", json={"cart.id": "7"}),
             "wrong body: a: cart.id is 42, expected 7"),
            (Stop(name="a", method="POST", path="/login", keep={"x": "cart.no"}),
             "wrong body: a: there is no cart.no"),
        ):  # fmt: skip
            assert says in failing(url, stop)


def test_redirects_are_followed_only_where_that_is_said() -> None:
    with shop() as (url, _):
        asked(url, Stop(name="a", path="/old", status=302))
        asked(url, Stop(name="a", path="/old", redirects=1, contains="html"))
        assert "status 302" in failing(url, Stop(name="a", path="/old"))
        assert "wrong status" in failing(url, Stop(name="a", path="/loop", redirects=3))


def test_it_is_judged_as_one_and_step_by_step() -> None:
    with shop() as (url, made):
        journey = Journey(url=url, steps=(LOG_IN, PAY))
        objective = Objective(availability=Availability.parse("90%"))
        with running(journey, verb=VERB, rate="10/s", objective=objective) as probe:
            wait_for(probe, Answer.GOOD, 15)
            made.broken = True
            samples = wait_for(probe, Answer.STATUS, 25)
            probe.stop()
            found = {each.name: each for each in probe.judge(whole(samples))}
    assert found["checkout.availability"].result is Result.FAILED
    assert found["checkout.log_in"].result is Result.PASSED
    assert found["checkout.log_in"].measured.startswith("`log in`: 0 of ")
    assert found["checkout.pay"].result is Result.FAILED
    assert "wrong status)" in found["checkout.pay"].measured


def test_a_step_that_lost_some_does_not_fail_a_journey_that_holds() -> None:
    with shop() as (url, _):
        journey = Journey(url=url, steps=(LOG_IN, PAY))
        with running(journey, verb=VERB, rate="20/s", objective=Objective()) as probe:
            samples = wait_for(probe, Answer.GOOD, 5)
            probe.stop()  # a step counts when it begins, which on a busy machine is late
            found = probe.judge(Window(since=samples[0].intended, until=samples[-1].ended))
    assert {each.result for each in found} == {Result.PASSED}
    assert len(found) == 2


def test_a_token_is_sent_by_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "s3cret-4711")
    with Server() as server:
        url = f"http://127.0.0.1:{server.port}"
        asked(url, Stop(name="a", path="/"), token=Credential(env="SHOP_TOKEN"))
        assert b"Bearer s3cret-4711" in server.heads[0]
        assert "SHOP_OTHER is not set" in failing(
            url, Stop(name="a", path="/"), token=Credential(env="SHOP_OTHER")
        )


@pytest.mark.parametrize("token", ["", "s3cret\n4711", "s3cret 4711", "caf\u00e9-4711"])
def test_a_token_that_cannot_be_sent_is_told_without_it(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", token)
    with Server() as server:
        url = f"http://127.0.0.1:{server.port}"
        told = failing(url, Stop(name="a", path="/"), token=Credential(env="SHOP_TOKEN"))
        assert server.heads == []
    assert "the token is empty or cannot be sent in a header" in told
    assert "s3cret" not in told


def test_no_part_of_a_token_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body is cut where the token stands in it."""
    MASKS.clear()
    monkeypatch.setenv("SHOP_TOKEN", "s3cret-4711-s3cret-4711")
    with Server(answer(200, b"x" * 70 + b"s3cret-4711-s3cret-4711")) as server:
        url = f"http://127.0.0.1:{server.port}"
        stop = Stop(name="a", path="/", contains="never")
        told = failing(url, stop, token=Credential(env="SHOP_TOKEN"))
    assert told.endswith("x***")
    MASKS.clear()


def test_a_kept_value_that_no_header_can_hold_fails_its_step() -> None:
    text = json.dumps({"a": "caf\u00e9"}).encode()
    first = Stop(name="a", path="/", keep={"kept": "a"})
    with Server(answer(200, text)) as server:
        second = Stop(name="b", path="/", headers={"X-Kept": "{kept}"})
        told = failing(f"http://127.0.0.1:{server.port}", first, second)
    assert "wrong answer: b: " in told


def drips(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(100_000):
        connection.sendall(b"x")
        time.sleep(0.02)


def pours(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65536)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_a_goaway_is_the_end_of_a_connection() -> None:
    """httpx has it as an error of HTTP, as it has a connection that is just closed."""
    gone = httpx.RemoteProtocolError("<ConnectionTerminated error_code:0, last_stream_id:1>")
    assert _failure(gone) is Answer.RESET
    assert _failure(httpx.RemoteProtocolError("illegal status line")) is Answer.PROTOCOL


def test_servers_that_misbehave_have_names_in_bounded_time() -> None:
    began = time.monotonic()
    cases: list[tuple[Any, str, dict[str, Any]]] = [
        (hang, "timed out", {}),
        (drips, "timed out", {}),
        (pours, "wrong body", {"contains": "never"}),
        (say(b"SSH-2.0-x\r\n\r\n"), "not HTTP", {}),
        (say(b""), "connection reset", {}),
        (say(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"), "connection reset", {}),
        (say(CHUNKED + b"3\r\nab"), "connection reset", {}),
    ]
    for behave, says, given in cases:
        with Server(behave) as server:
            stop = Stop(name="a", path="/", **given)
            url = f"http://127.0.0.1:{server.port}"
            assert says in failing(url, stop, timeout=Duration.of(2))
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert "connection refused" in failing(f"http://127.0.0.1:{port}", Stop(name="a", path="/"))
    assert time.monotonic() - began < 60


@contextmanager
def http2_server(folder: Path) -> Iterator[tuple[int, Path]]:
    certificate, key = pair(10)
    (folder / "both.pem").write_bytes(certificate + key)
    (folder / "ca.pem").write_bytes(certificate)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "both.pem")
    context.set_alpn_protocols(["h2"])
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                made, _ = listener.accept()
            except OSError:
                return
            try:
                _answer_http2(context.wrap_socket(made, server_side=True))
            except OSError:
                made.close()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1], folder / "ca.pem"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _answer_http2(made: ssl.SSLSocket) -> None:
    config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
    connection = h2.connection.H2Connection(config)
    connection.initiate_connection()
    made.sendall(connection.data_to_send())
    while data := made.recv(4096):
        for event in connection.receive_data(data):
            if isinstance(event, h2.events.StreamEnded):
                connection.send_headers(event.stream_id, [(":status", "200")])
                connection.send_data(event.stream_id, b"over two", end_stream=True)
        made.sendall(connection.data_to_send())
    made.close()


def test_http2_is_spoken_and_the_certificate_verified(tmp_path: Path) -> None:
    with http2_server(tmp_path) as (port, ca):
        context: Any = Context(port)
        context.directory = tmp_path
        stops = (Stop(name="a", path="/", contains="over two"),)
        journey = Journey(service="checkout", scheme="https", http2=True, ca=Path(ca.name),
                          steps=stops)  # fmt: skip
        assert "answered" in ask(journey, context)
        with pytest.raises(NotMet, match="TLS failed"):
            ask(Journey(service="checkout", scheme="https", http2=True, steps=stops), context)


@pytest.mark.parametrize(
    ("given", "namespaces"),
    [
        ({"service": "shop"}, {"here"}),
        ({"service": "shop", "namespace": "there"}, {"there"}),
        ({"service": "shop", "steps": (Stop(name="a", path="/"),)}, {"here"}),
        ({"service": "shop", "steps": (Stop(name="a", path="/"),), "via": "direct"}, set()),
        ({"url": "http://shop.there.svc.cluster.local"}, {"there"}),
        ({"url": "https://shop.example.com"}, set()),
    ],
)
def test_a_journey_that_writes_takes_consent_for_its_namespace(
    given: dict[str, Any], namespaces: set[str]
) -> None:
    journey = Journey(**{"steps": (LOG_IN, PAY), **given})
    assert VERB.touches is not None
    assert VERB.touches(journey, "here").namespaces == namespaces


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    assert "pip install 'pytest-resilience[http2]'" in failing("http://x", Stop(name="a", path="/"))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"url": ""}, "nothing to ask"),
        ({"url": "ftp://x"}, "`url` is"),
        ({"url": "http://me:secret@x"}, "reports would show"),
        ({"token": Credential()}, "does not say where to read the value"),
        ({"timeout": Duration.of(0)}, "`timeout` is"),
        ({"steps": (LOG_IN, LOG_IN)}, "two steps are called 'log in'"),
        ({"steps": (Stop(name="a", path="x"),)}, "`path` is 'x'"),
        ({"steps": (PAY,)}, "{cart} is not kept by an earlier step"),
        ({"steps": (Stop(name="a", path="/", keep={"a b": "x"}),)}, "is not a path"),
        ({"steps": (Stop(name="a", path="/", json={"a..b": "x"}),)}, "'a..b' is not a path"),
        ({"steps": (Stop(name="a", path="/", headers={"a": "b\r\nc"}),)}, "a header cannot"),
        ({"steps": (Stop(name="a", path="/", method="HEAD", contains="x"),)}, "HEAD has no body"),
        ({"steps": (Stop(name="a", path="/", status=204, keep={"b": "c"}),)}, "204 has no body"),
    ],
)
def test_a_journey_that_cannot_run_is_a_complaint(given: dict[str, Any], says: str) -> None:
    usual: dict[str, Any] = {"url": "http://shop", "steps": (LOG_IN, PAY)}
    [complaint] = VERB.check(Journey(**{**usual, **given}))
    assert says in complaint.message
