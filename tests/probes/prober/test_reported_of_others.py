"""What users reported of other load tools and probes, rebuilt small, with the right answer each."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from resilience.model.samples import Answer
from resilience.model.values import Duration
from resilience.probes.kinds.http import Http, ask
from resilience.probes.prober.process import AgentProcess
from resilience.probes.prober.samples import SampleLog
from resilience.verbs.context import NotMet
from tests.probes.probing import Context, running, wait_for
from tests.probes.server import Behaviour, Server, answer, reset, say

SLOW = 0.4
"""Seconds that a slow server takes, a small part of the timeout."""


def slowly(connection: socket.socket) -> None:
    threading.Event().wait(SLOW)
    answer()(connection)


def samples(server: Server, **given: Any) -> SampleLog:
    """What a prober with a limit measured."""
    log = SampleLog()
    told = {"kind": "http", "host": "127.0.0.1", "port": server.port, "rate": 50, "timeout": 30.0,
            "limit": 20, **given}  # fmt: skip
    prober = AgentProcess(told, log, lambda: None)
    assert prober.wait(60)
    prober.stop()
    assert prober.trouble == ""
    return log


def said(behave: Behaviour, **given: Any) -> str:
    with Server(behave) as server:
        context: Any = Context(server.port)
        usual = {"service": "checkout", "timeout": Duration.of(5)}
        with pytest.raises(NotMet) as told:
            ask(Http(**{**usual, **given}), context)
    return str(told.value)


def test_a_server_that_is_killed_and_started_again_does_not_end_the_measurement() -> None:
    """vegeta 527: the attack stopped at the first reset of a connection."""
    with Server() as server, running(Http(service="checkout"), server.port) as probe:
        wait_for(probe, Answer.GOOD, 10)
        server.behaviour = reset
        wait_for(probe, Answer.RESET, 5)
        server.refuse()
        wait_for(probe, Answer.REFUSED, 5)
        server.behaviour = answer()
        server.listen()
        before = probe.progress()[1]
        wait_for(probe, Answer.GOOD, before + 10)
        assert probe.record().facts["prober"]["trouble"] == ""


def test_a_redirect_that_is_not_followed_has_its_own_status() -> None:
    """vegeta 173: with redirects off each answer had status 0."""
    told = said(answer(302, b"", "Location: http://elsewhere/"))
    assert "status 302" in told


def test_an_address_of_version_six_in_a_url_is_connected_to() -> None:
    """blackbox_exporter 542, 645: URLs with literal IPv6 addresses failed. This one reaches a
    server of IPv4, so that a machine without IPv6 on its interfaces can tell as well."""
    with Server() as server:
        context: Any = Context()
        host = f"[::ffff:127.0.0.1]:{server.port}"
        told = ask(Http(url=f"http://{host}/", timeout=Duration.of(5)), context)
    assert "answered with status 200" in told
    assert f"Host: {host}\r\n".encode() in server.heads[0]


def test_the_number_of_requests_is_the_planned_one_each_time() -> None:
    """k6 3052: a constant rate sent another number of requests in each run."""
    with Server() as server:
        assert [len(samples(server)) for _ in range(3)] == [20, 20, 20]


def test_requests_that_could_not_be_sent_are_counted() -> None:
    """k6 2837: iterations were dropped while all others looked good."""
    with Server(slowly) as server:
        log = samples(server, inflight=2)
    told = [sample.answer for sample in log]
    assert len(told) == 20
    assert told.count(Answer.UNSENT) >= 10
    assert all(sample.sent is None for sample in log if sample.answer is Answer.UNSENT)


def test_refused_connections_are_no_requests_less() -> None:
    """wrk 509: connections that were refused went unreported, fewer made the load."""
    with Server() as server:
        server.refuse()
        log = samples(server)
    assert [sample.answer for sample in log] == [Answer.REFUSED] * 20


def test_slow_first_answers_are_no_timeouts() -> None:
    """wrk2 56: answers that took a second timed out while the tool calibrated itself."""
    with Server(slowly) as server:
        log = samples(server, limit=10)
    assert {sample.answer for sample in log} == {Answer.GOOD}
    assert min(sample.latency for sample in log) >= SLOW


@pytest.mark.parametrize("space", ["", " ", "   ", "\t"])
def test_a_header_needs_no_space_after_its_colon(space: str) -> None:
    """wrk, web-frameworks 6623: `Connection:keep-alive` without a space was a read error."""
    head = f"HTTP/1.1 200 OK\r\nContent-Length:{space}2\r\nConnection:{space}Close\r\n\r\nok"
    with Server(say(head.encode())) as server:
        log = samples(server, keepalive=True, limit=5)
    assert {sample.answer for sample in log} == {Answer.GOOD}


def test_what_did_not_match_says_what_came_instead() -> None:
    """Chaos Toolkit 111: an unmatched state did not say what it was."""
    told = said(answer(200, b'{"state": "draining"}'), json={"state": "ready"})
    assert "state is draining, expected ready" in told
