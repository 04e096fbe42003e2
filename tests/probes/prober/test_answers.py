"""Each way in which a request can end gets its own name. Real sockets, scripted exactly."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from resilience.model.samples import Answer
from resilience.model.values import Duration
from resilience.probes.kinds.http import VERB, Http
from resilience.probes.kinds.tcp import VERB as TCP
from resilience.probes.kinds.tcp import Tcp
from resilience.verbs.context import NotMet
from tests.probes.probing import Context, running, wait_for
from tests.probes.server import Behaviour, Server, answer, hang, reset, say


def http(**given: Any) -> Http:
    return Http(service="checkout", **{"timeout": Duration.of(0.3), **given})


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("behaviour", "parameters", "expected"),
    [
        (answer(200), {}, Answer.GOOD),
        (answer(204, b""), {}, Answer.GOOD),
        (answer(503), {}, Answer.STATUS),
        (answer(302, b"", "Location: /login"), {}, Answer.STATUS),
        (answer(302, b""), {"status": 302}, Answer.GOOD),
        (answer(404), {"status": (200, 404)}, Answer.GOOD),
        (answer(200), {"status": 201}, Answer.STATUS),
        (answer(200, b"all is well"), {"contains": "is well"}, Answer.GOOD),
        (answer(200, b"all is lost"), {"contains": "is well"}, Answer.BODY),
        (answer(200, b"v1.27"), {"matches": r"v\d+\.\d+"}, Answer.GOOD),
        (answer(200, b"v1"), {"matches": r"v\d+\.\d+"}, Answer.BODY),
        (say(CHUNKED + b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"), {"contains": "abcde"},
         Answer.GOOD),
        (say(CHUNKED + b"1\r\na\r\n0\r\nTrailer: x\r\n\r\n"), {"contains": "a"}, Answer.GOOD),
        (say(CHUNKED + b"zz\r\n"), {}, Answer.PROTOCOL),
        (say(CHUNKED + b"-64\r\n"), {}, Answer.PROTOCOL),
        (say(CHUNKED + b"0x2\r\nok\r\n0\r\n\r\n"), {}, Answer.PROTOCOL),
        (say(CHUNKED + b"1_0\r\n" + b"a" * 16 + b"\r\n0\r\n\r\n"), {}, Answer.PROTOCOL),
        (say(CHUNKED + b"\r\n"), {}, Answer.PROTOCOL),
        (say(CHUNKED + b"2 \r\nok\r\n0\r\n\r\n"), {"contains": "ok"}, Answer.GOOD),
        (say(b"HTTP/1.0 200 OK\nContent-Type: text/plain\n\nok"), {"contains": "ok"}, Answer.GOOD),
        (say(CHUNKED + b"3\r\nab"), {}, Answer.RESET),
        (say(b"HTTP/1.0 200 OK\r\n\r\nuntil the close"), {"contains": "close"}, Answer.GOOD),
        (say(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"), {},
         Answer.GOOD),
        (say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"), {}, Answer.RESET),
        (say(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"), {}, Answer.PROTOCOL),
        (say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\ncontent-length: 3\r\n\r\nokx"), {},
         Answer.PROTOCOL),
        (say(b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\nContent-Length: 2\r\n\r\nok"), {},
         Answer.GOOD),
        (say(b"HTTP/1.1 200 OK\r\n"), {}, Answer.RESET),
        (say(b"SSH-2.0-OpenSSH_9.2\r\n"), {}, Answer.PROTOCOL),
        (say(b"HTTP/1.1 \r\n\r\n"), {}, Answer.PROTOCOL),
        (say(b""), {}, Answer.RESET),
        (reset, {}, Answer.RESET),
        (hang, {}, Answer.TIMEOUT),
    ],
)  # fmt: skip
def test_an_http_answer_is_named(
    behaviour: Behaviour, parameters: dict[str, Any], expected: Answer
) -> None:
    with Server(behaviour) as server, running(http(**parameters), server.port) as probe:
        samples = wait_for(probe, expected, 3)
    assert {sample.answer for sample in samples} == {expected}


def test_an_answer_in_single_bytes_is_read_whole() -> None:
    text = CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"

    def drip(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(text)):
            connection.sendall(text[at : at + 1])

    with Server(drip) as server, running(http(contains="hello"), server.port) as probe:
        samples = wait_for(probe, Answer.GOOD, 3)
    assert {sample.answer for sample in samples} == {Answer.GOOD}


def test_a_closed_port_is_refused_at_once() -> None:
    with Server() as server:
        server.refuse()
        with running(http(), server.port) as probe:
            samples = wait_for(probe, Answer.REFUSED, 3)
    assert max(sample.latency for sample in samples) < 0.3


def test_a_listener_that_accepts_nothing_times_out_after_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as silent:
        port = silent.getsockname()[1]
        with running(http(), port) as probe:
            samples = wait_for(probe, Answer.TIMEOUT, 3)
    late = [sample for sample in samples if sample.answer is Answer.TIMEOUT]
    assert all(sample.latency - sample.lag >= 0.3 for sample in late)


def test_a_host_name_that_does_not_exist_is_an_answer_of_its_own() -> None:
    with running(Http(url="http://no-such-host.invalid/")) as probe:
        samples = wait_for(probe, Answer.NAME, 3)
    assert all(sample.sent is not None for sample in samples)


def test_an_address_that_cannot_be_routed_to_is_unreachable() -> None:
    with running(Http(url="http://255.255.255.255:9/")) as probe:
        wait_for(probe, Answer.UNREACHABLE, 3)


def test_more_open_connections_than_allowed_are_unsent_and_counted() -> None:
    from resilience.probes.prober.process import AgentProcess
    from resilience.probes.prober.samples import SampleLog

    log = SampleLog()
    with Server(hang) as server:
        given = {"host": "127.0.0.1", "port": server.port, "rate": 100, "timeout": 0.5,
                 "inflight": 3, "limit": 10}  # fmt: skip
        agent = AgentProcess(given, log, lambda: None)
        assert agent.wait(20)
        agent.stop()
    answers = [sample.answer for sample in log]
    assert answers == [Answer.TIMEOUT] * 3 + [Answer.UNSENT] * 7
    assert all(s.sent is None and s.lag < 1 for s in log if s.answer is Answer.UNSENT)


def test_the_pod_is_taken_from_the_body_of_hostname() -> None:
    with Server(answer(200, b"checkout-7d9-x2\n")) as server:
        with running(http(path="/hostname"), server.port) as probe:
            samples = wait_for(probe, Answer.GOOD)
    assert samples[0].by == "checkout-7d9-x2"


def test_the_pod_is_taken_from_a_header() -> None:
    with Server(answer(200, b"", "X-Served-By: checkout-1")) as server:
        with running(http(answered_by="x-served-by"), server.port) as probe:
            samples = wait_for(probe, Answer.GOOD)
    assert (samples[0].by, samples[0].status) == ("checkout-1", 200)


def test_the_request_is_what_was_asked_for() -> None:
    wanted = http(method="POST", path="/orders?x=1", headers={"Accept": "text/plain", "A": "b"},
                  body="{}")  # fmt: skip
    with Server() as server, running(wanted, server.port) as probe:
        wait_for(probe, Answer.GOOD)
    head = server.heads[0].decode()
    assert head.startswith("POST /orders?x=1 HTTP/1.1\r\n")
    assert head.endswith("\r\n\r\n{}")
    sent = {line.lower() for line in head.partition("\r\n\r\n")[0].split("\r\n")[1:]}
    assert sent == {"host: checkout.shop", "user-agent: pytest-resilience-probe",
                    "accept: text/plain", "connection: close", "content-length: 2",
                    "a: b"}  # fmt: skip


def test_a_tcp_connection_is_enough_where_nothing_is_expected() -> None:
    with Server() as server:
        wanted = Tcp(host="127.0.0.1", port=server.port)
        with running(wanted, verb=TCP) as probe:
            samples = wait_for(probe, Answer.GOOD, 3)
    assert {sample.answer for sample in samples} == {Answer.GOOD}


@pytest.mark.parametrize(
    ("said", "expected"),
    [(b"+PONG\r\n", Answer.GOOD), (b"-LOADING\r\n", Answer.BODY), (b"", Answer.RESET)],
)
def test_a_tcp_probe_expects_its_text_in_the_answer(said: bytes, expected: Answer) -> None:
    with Server(say(said)) as server:
        wanted = Tcp(host="127.0.0.1", port=server.port, send="PING\r\n", expect="PONG")
        with running(wanted, verb=TCP) as probe:
            wait_for(probe, expected, 3)
    assert server.heads[0] == b"PING\r\n"


def test_one_question_as_a_check_tells_what_answered() -> None:
    assert VERB.ask is not None
    with Server(answer(200)) as server:
        said = VERB.ask(http(), Context(server.port))
    assert said.startswith("GET http://checkout/ answered with status 200 after ")


def test_one_question_as_a_check_is_not_met_by_a_wrong_answer() -> None:
    assert VERB.ask is not None
    with Server(answer(503)) as server, pytest.raises(NotMet) as told:
        VERB.ask(http(), Context(server.port))
    assert str(told.value) == "GET http://checkout/: wrong status: status 503"
