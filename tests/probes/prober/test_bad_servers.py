"""Servers that never answer, drip, pour without end, or speak something else: a clear result each,
in bounded time and memory."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest

from resilience.model.samples import Answer
from resilience.model.values import Duration
from resilience.probes.kinds.http import Http, ask
from resilience.probes.kinds.tcp import Tcp
from resilience.probes.kinds.tcp import ask as ask_tcp
from resilience.verbs.context import NotMet
from tests.probes.probing import Context, running, wait_for
from tests.probes.server import Behaviour, Server, hang, say

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n"


def drips(connection: socket.socket) -> None:
    """One byte at a time, for ever."""
    for byte in iter(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000):
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


def pours(head: bytes, piece: bytes) -> Behaviour:
    def behave(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(piece)

    return behave


def failing(behave: Behaviour, **given: Any) -> str:
    usual = {"service": "checkout", "timeout": Duration.of(1)}
    with Server(behave) as server:
        context: Any = Context(server.port)
        with pytest.raises(NotMet) as told:
            ask(Http(**{**usual, **given}), context)
    return str(told.value)


@pytest.mark.parametrize(
    ("behave", "says"),
    [
        (hang, "timed out"),
        (drips, "timed out"),
        (pours(b"", b"x" * 65536), "not HTTP"),
        (pours(b"HTTP/1.1 200 OK\r\n", b"X-Filler: y\r\n" * 4000), "not HTTP"),
        (say(b"SSH-2.0-OpenSSH_9.6\r\n"), "not HTTP"),
        (say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), "not HTTP"),
        (say(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"), "not HTTP"),
        (say(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort"), "connection reset"),
    ],
)
def test_each_bad_answer_has_a_name(behave: Behaviour, says: str) -> None:
    began = time.monotonic()
    assert says in failing(behave)
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (b"301 X\r\nLocation: https://shop/a?token=x", "status 301, which leads to https://shop/a"),
        (b"302 X", "status 302"),
        (b"503 X\r\nLocation: /busy", "status 503"),
    ],
)
def test_a_redirect_says_where_to_without_its_query(head: bytes, says: str) -> None:
    told = failing(say(b"HTTP/1.1 " + head + b"\r\nContent-Length: 0\r\n\r\n"))
    assert told.endswith(says)


def test_a_body_without_end_is_read_to_a_limit_and_costs_no_memory() -> None:
    poured = pours(HEAD, b"x" * 65536)
    assert "wrong body" in failing(poured, contains="never", timeout=Duration.of(10))
    endless = Http(service="checkout", timeout=Duration.of(5))
    with Server(poured) as server, running(endless, server.port, rate="5/s") as probe:
        wait_for(probe, Answer.GOOD, 5)
        probe.stop()
        assert probe.record().facts["prober"]["rss"] < 100 << 20


@pytest.mark.parametrize(
    ("behave", "says"),
    [
        (hang, "timed out"),
        (pours(b"", b"noise" * 4096), "wrong body"),
        (say(b""), "connection reset"),
    ],
)
def test_a_tcp_answer_that_never_comes_is_named_too(behave: Behaviour, says: str) -> None:
    wanted = Tcp(service="db", send="PING\r\n", expect="PONG", timeout=Duration.of(5))
    with Server(behave) as server:
        context: Any = Context(server.port)
        with pytest.raises(NotMet) as told:
            ask_tcp(wanted, context)
    assert says in str(told.value)
