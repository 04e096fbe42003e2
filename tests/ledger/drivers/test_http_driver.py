"""What counts as written, refused or unclear over HTTP; answers that never end."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from resilience.ledger import values
from resilience.ledger.drivers.http_driver import HttpSession, HttpStore
from resilience.ledger.drivers.session import Place, Refused, Unclear, Unreadable
from resilience.ledger.drivers.trust import Trust
from tests.probes.kinds.web.test_http_trust import pair

START = "r.l."
KEY = values.key(START, 1)
VALUE = values.value(KEY, 1.0, 64)


def session(port: int, timeout: float = 0.5) -> HttpSession:
    place = Place(start=START, timeout=timeout, address=lambda: ("127.0.0.1", port), secrets={})
    return HttpStore(place=place, put="/kv/{key}", get="/kv/{key}", list="/kv", host="h")()


@contextmanager
def serving(answer: Callable[[socket.socket], None], *, hears: bool = True) -> Iterator[int]:
    """Every connection gets that answer, to a request that was heard."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as server:

        def work() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    if hears:
                        connection.recv(65536)
                    try:
                        answer(connection)
                    except OSError:
                        pass

        Thread(target=work, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def said(status: str, body: bytes = b"", headers: str = "") -> Callable[[socket.socket], None]:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode()
    return lambda connection: connection.sendall(head + body)


def test_only_a_listed_status_acknowledges_and_the_pod_is_named() -> None:
    with serving(said("201 Created", headers="x-pod-name: db-0\r\n")) as port:
        assert session(port).put(KEY, VALUE) == "db-0"
    for status in ("500 No", "404 No", "409 No", "302 Found"):
        with serving(said(status)) as port, pytest.raises(Unclear, match=f"status {status[:3]}"):
            session(port).put(KEY, VALUE)


def test_what_never_left_is_refused_and_what_may_have_is_unclear() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(Refused):
        session(port).put(KEY, VALUE)
    with serving(lambda connection: None) as port, pytest.raises(Unclear):
        session(port).put(KEY, VALUE)
    with serving(lambda connection: time.sleep(1)) as port, pytest.raises(Unclear):
        session(port, timeout=0.2).put(KEY, VALUE)


def test_a_body_that_drips_for_ever_is_no_answer() -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while True:
            connection.sendall(b"x")
            time.sleep(0.02)

    with serving(drip) as port, pytest.raises(Unreadable, match="did not end in time"):
        session(port, timeout=0.1).every()


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nX: y\r\n", b"HTTP/1.1 2"]
)
def test_a_head_that_ends_early_acknowledges_nothing(head: bytes) -> None:
    with serving(lambda connection: connection.sendall(head)) as port:
        with pytest.raises(Unclear):
            session(port).put(KEY, VALUE)


def test_an_interim_answer_is_followed_by_the_real_one() -> None:
    head = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\nx-pod-name: db-1\nContent-Length: 0\n\n"
    with serving(lambda connection: connection.sendall(head)) as port:
        assert session(port).put(KEY, VALUE) == "db-1"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_head_that_drips_for_ever_is_no_answer(scheme: str, tmp_path: Path) -> None:
    """Each byte begins the timeout of a read anew."""
    certificate, key = pair(10)
    (tmp_path / "pair.pem").write_bytes(certificate + key)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "pair.pem")

    def drip(plain: socket.socket) -> None:
        with tls.wrap_socket(plain, server_side=True) if scheme == "https" else plain as connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while True:
                connection.sendall(b"x")
                time.sleep(0.02)

    with serving(drip, hears=scheme == "http") as port:
        place = Place(start=START, timeout=0.2, address=lambda: ("127.0.0.1", port), secrets={})
        trust = Trust(name="checkout.shop", authorities=certificate.decode())
        store = HttpStore(place=place, put="/kv/{key}", trust=trust if scheme == "https" else None)
        with pytest.raises(Unclear, match=r"the head of the answer did not end within 0\.4 s"):
            store().put(KEY, VALUE)


def test_a_body_without_an_end_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resilience.ledger.drivers.http_driver.BODY", 1 << 20)

    def pour(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            connection.sendall(bytes(1 << 16))

    with serving(pour) as port, pytest.raises(Unreadable, match="more than 1 MiB"):
        session(port, timeout=5).every()


def test_a_read_finds_values_in_any_format_and_404_is_absent() -> None:
    with serving(said("200 OK", f'[{{"id": "{KEY}", "v": "{VALUE}"}}]'.encode())) as port:
        assert session(port).every().values == {KEY: 1}
        assert session(port).get(KEY).values == {KEY: 1}
    with serving(said("404 Not Found", b"no such key")) as port:
        assert session(port).get(KEY).values == {}
        with pytest.raises(Unreadable, match="status 404"):
            session(port).every()
