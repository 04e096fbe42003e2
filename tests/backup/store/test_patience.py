"""A store that drips is told by name, of whichever service."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from resilience.backup.format.errors import Missing, StoreUnreachable
from resilience.backup.store.answers.patience import paced, within
from resilience.backup.store.cloud.clouds import _client
from tests.backup.store.trial import asked, s3
from tests.loopback import Answering, serving

pytestmark = pytest.mark.usefixtures("keys", "unsigned")

LONG = 60.0
HEAD = {"ETag": '"a"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}


def dripping(body: bytes, over: threading.Event) -> type[Answering]:
    """A byte each 10 ms, to which no timeout between two packets applies."""

    class Drip(Answering):
        def do_GET(self) -> None:
            self.send_response(200)
            for name, value in {**HEAD, "Content-Length": "1000000"}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()
            while not over.wait(0.01):
                try:
                    self.wfile.write(b" ")
                except OSError:
                    return

    return Drip


@pytest.mark.parametrize("what", ["content", "list"])
@pytest.mark.parametrize("scheme", ["s3", "gs", "az"])
def test_a_store_that_drips_is_told_by_name(scheme: str, what: str) -> None:
    if scheme != "s3":
        pytest.importorskip("obstore", reason="the extras gcs and azure are not installed")
    over = threading.Event()
    handler = dripping(b"<?xml version='1.0'?>", over)

    def refused(store: Any) -> None:
        try:
            with pytest.raises(StoreUnreachable, match=r"within 0.5 s, although the connection"):
                store.read("k") if what == "content" else list(store.list())
        finally:
            over.set()

    if scheme == "s3":
        with serving(handler) as url:
            store = s3(url, "b", attempts=1, region="us-east-1", patience=0.5)
            refused(store)
            store.client.close()
        return
    with asked(scheme, handler) as cloud:
        cloud.patience = 0.5
        refused(cloud)


def test_the_result_and_the_error_of_a_request_are_passed_on() -> None:
    assert within(LONG, "s", lambda: 7) == 7
    with pytest.raises(Missing, match="k"):
        within(LONG, "s", lambda: _raise(Missing("k")))


def _raise(problem: Exception) -> None:
    raise problem


def test_pieces_come_in_order_and_none_before_it_is_asked_for() -> None:
    made, closed = list[int](), threading.Event()

    def pieces() -> Iterator[bytes]:
        try:
            for at in range(4):
                made.append(at)
                yield bytes([at])
        finally:
            closed.set()

    reading = paced(pieces(), LONG, "s")
    assert made == []
    assert [next(reading), next(reading)] == [b"\0", b"\1"]
    assert made == [0, 1]
    reading.close()  # type: ignore[attr-defined]
    assert closed.is_set()
    assert b"".join(paced(pieces(), LONG, "s")) == b"\0\1\2\3"


def test_an_error_between_two_pieces_is_passed_on() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"1"
        raise Missing("k")

    reading = paced(pieces(), LONG, "s")
    assert next(reading) == b"1"
    with pytest.raises(Missing, match="k"):
        next(reading)


def test_a_large_object_of_google_or_azure_has_longer_than_the_30_s_of_their_client() -> None:
    limits = _client({"endpoint": "https://store"})
    assert limits["timeout"] >= timedelta(hours=12)
    assert limits["read_timeout"] <= timedelta(minutes=1)
