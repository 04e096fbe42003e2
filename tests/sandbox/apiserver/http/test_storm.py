"""Short forms of the storm, and each thing that a storm once brought to light."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.apiserver.http.storm import Storm, flood, held
from tests.sandbox.apiserver.live import ADMIN, Live, server
from tests.sandbox.apiserver.wire import Wire

CONNECTIONS = 400
SMALL_REQUESTS = 4_000
HEAD = f"Host: x\r\nAuthorization: Bearer {ADMIN}\r\n"


def asked(live: Live, first: str, *headers: str, body: str = "") -> bytes:
    """The whole answer to one request, until the server closes the connection."""
    lines = "".join(f"{line}\r\n" for line in headers)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(live.config.api_socket))
        client.sendall(f"{first}\r\n{HEAD}{lines}\r\n{body}".encode())
        answer = b""
        while more := client.recv(1 << 16):
            answer += more
    return answer


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("storm") / "log"


@pytest.fixture(scope="module")
def live(log: Path) -> Iterator[Live]:
    """A server of its own, which writes a log."""
    with server(inside=lambda: logging.basicConfig(filename=log, force=True)) as live:
        yield live


def test_a_storm_of_random_requests_finds_no_bug_and_leaves_nothing_behind(
    live: Live, log: Path
) -> None:
    storm, before = Storm(live, seed=7), held(live)
    for _ in range(CONNECTIONS):
        storm.once()
    assert storm.bugs == []
    assert storm.statuses["200"] > 0, storm.statuses
    flood(live, SMALL_REQUESTS)
    after = held(live)
    # A watch whose client has gone is found out when there is something to tell it.
    assert after["descriptors"] - before["descriptors"] <= CONNECTIONS / 20
    assert after["MiB"] - before["MiB"] < 40
    assert log.read_text() == ""


def test_a_watch_over_http_1_0_ends_with_its_connection(live: Live) -> None:
    answer = asked(live, "GET /api/v1/namespaces?watch=1&timeoutSeconds=1 HTTP/1.0")
    assert answer.startswith(b"HTTP/1.0 200")
    assert b'\r\n\r\n{"type":"ADDED"' in answer
    assert b"chunked" not in answer


def test_head_of_a_watch_has_no_body(live: Live) -> None:
    answer = asked(live, "HEAD /api/v1/namespaces?watch=1 HTTP/1.1", "Connection: close")
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"\r\n\r\n")


def test_a_client_that_waits_for_leave_to_send_its_body_gets_it(live: Live) -> None:
    answer = asked(
        live,
        "POST /api/v1/namespaces HTTP/1.1",
        "Expect: 100-continue",
        "Content-Length: 2",
        "Connection: close",
        body="{}",
    )
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 422")


def test_a_body_said_to_be_packed_is_read_as_it_is(live: Live) -> None:
    headers = ("Content-Encoding: gzip", "Content-Length: 2", "Connection: close")
    answer = asked(live, "POST /api/v1/namespaces HTTP/1.1", *headers, body="{}")
    assert answer.startswith(b"HTTP/1.1 422")


def test_broken_and_abandoned_bodies_are_no_news(live: Live, log: Path) -> None:
    head = ("POST /api/v1/namespaces HTTP/1.1", "Transfer-Encoding: chunked")
    assert asked(live, *head, body="zz\r\n").startswith(b"HTTP/1.0 400")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(live.config.api_socket))
        client.sendall(f"{head[0]}\r\n{HEAD}{head[1]}\r\n\r\n5\r\nab".encode())
    with Wire.to(live) as wire:
        assert wire("GET", "/healthz").status == 200
    assert log.read_text() == ""
