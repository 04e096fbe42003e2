"""A body that the server compressed for the transfer is judged as it was before."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from resilience.model.samples import Answer
from resilience.model.values import Duration
from resilience.probes.agent.http_response import BODY_LIMIT, NotHttp, Response
from resilience.probes.kinds.http import VERB, Http
from resilience.verbs.context import NotMet
from tests.probes.probing import Context, running, wait_for
from tests.probes.server import Server, answer

FINE = b'{"status": "all is fine"}'


def http(**given: Any) -> Http:
    return Http(service="checkout", **{"timeout": Duration.of(5), **given})


def failing(body: bytes, coding: str, **given: Any) -> str:
    """What one request of a check says."""
    assert VERB.ask is not None
    with (
        Server(answer(200, body, f"Content-Encoding: {coding}")) as server,
        pytest.raises(NotMet) as told,
    ):
        VERB.ask(http(**given), Context(server.port))
    return str(told.value)


@pytest.mark.parametrize(
    ("coding", "packed"),
    [("gzip", gzip.compress), ("X-GZIP", gzip.compress), ("deflate", zlib.compress),
     ("identity", bytes), ("", bytes)],
)  # fmt: skip
@pytest.mark.parametrize(
    "given", [{"contains": "is fine"}, {"matches": "^{.*fine"}, {"json": {"status": "all is fine"}}]
)
def test_a_compressed_body_is_judged_by_its_text(
    coding: str, packed: Callable[[bytes], bytes], given: dict[str, Any]
) -> None:
    reply = answer(200, packed(FINE), f"Content-Encoding: {coding}")
    with Server(reply) as server, running(http(**given), server.port) as probe:
        samples = wait_for(probe, Answer.GOOD, 3)
    assert {sample.answer for sample in samples} == {Answer.GOOD}


def test_a_wrong_body_is_quoted_as_text() -> None:
    assert "wrong body: all is lost" in failing(gzip.compress(b"all is lost"), "gzip",
                                                contains="fine")  # fmt: skip


def test_a_coding_that_cannot_be_read_is_named() -> None:
    told = failing(b"\x0b\x05\x80all is fine\x03", "br", contains="fine")
    assert "the body is encoded as br; expected gzip, deflate or none" in told
    assert "the body is not gzip" in failing(b"all is fine", "gzip", contains="fine")


def test_no_more_of_a_body_is_unpacked_than_is_read_of_a_plain_one() -> None:
    response = Response(False)
    packed = gzip.compress(b"\0" * (64 << 20))
    assert response.feed(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
        + packed
    )
    assert len(response.text()) == BODY_LIMIT


def test_the_pods_name_is_read_from_a_compressed_body() -> None:
    reply = answer(200, gzip.compress(b"checkout-1\n"), "Content-Encoding: gzip")
    with Server(reply) as server, running(http(path="/hostname"), server.port) as probe:
        samples = wait_for(probe, Answer.GOOD)
    assert samples[0].by == "checkout-1"


@pytest.mark.parametrize(
    ("said", "kept"),
    [("keep-alive", True), ("close", False), ("Close", False), ("foo, CLOSE", False)],
)
def test_a_connection_that_the_server_closes_is_not_used_again(said: str, kept: bool) -> None:
    response = Response(False)
    head = f"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: {said}\r\n\r\nok"
    assert response.feed(head.encode())
    assert response.reusable is kept


def test_a_length_that_is_no_number_breaks_the_protocol() -> None:
    with pytest.raises(NotHttp):
        Response(False).feed(b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok")
