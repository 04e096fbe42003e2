"""An API server that is away is waited for, and nothing is done twice that must not be."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from resilience.cluster import connect
from resilience.cluster.access.access import Access
from resilience.cluster.connection.patience import patient
from resilience.cluster.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    NeverSent,
    ServerTrouble,
    Throttled,
    Unreachable,
)
from resilience.cluster.interface import Object
from resilience.cluster.requests.request import Request
from tests.cluster.test_lease import Time

BUDGET = {"details": {"causes": [{"reason": "DisruptionBudget"}]}}
LOST = Unreachable("connection reset")
NEVER = NeverSent("connection refused")


class Server:
    """Fails with one error until a moment, and counts what it was sent."""

    def __init__(self, time: Time, error: ClusterError, until: float) -> None:
        self._time, self._error, self._until = time, error, time.now + until
        self.sent = 0

    def answer(self, request: Request) -> Object:
        self.sent += 1
        if self._time.now < self._until:
            raise self._error
        return {"kind": "Pod"}


def sent(
    method: str, error: ClusterError, *, away: float = 8.0, writes: bool = False
) -> tuple[Server, Callable[[], Object], list[str]]:
    time, told = Time(), list[str]()
    server = Server(time, error, away)
    through = patient(time, 45.0, told.append, writes=writes)
    request = Request(method, "/api/v1/pods")
    return server, lambda: through(request, server.answer), told


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_what_was_never_sent_is_sent_again_whatever_it_is(method: str) -> None:
    server, ask, told = sent(method, NEVER)
    assert ask() == {"kind": "Pod"}
    assert server.sent == 9
    assert [text.partition(":")[0] for text in told] == [
        "the API server does not answer; waiting up to 45 s",
        "the API server answers again, after 8 s",
    ]


def test_what_may_have_been_done_is_not_done_twice() -> None:
    for error in (LOST, ServerTrouble(503, "away"), Throttled(429, "later")):
        server, ask, told = sent("POST", error)
        with pytest.raises(type(error)):
            ask()
        assert (server.sent, told) == (1, [])


def test_reads_are_repeated_and_the_writes_of_whoever_allows_it() -> None:
    for error in (LOST, ServerTrouble(503, "away"), Throttled(429, "later")):
        assert sent("GET", error)[1]()
        assert sent("PATCH", error, writes=True)[1]()


@pytest.mark.parametrize(
    "error",
    [Forbidden(403, "no"), Conflict(409, "no"), ServerTrouble(501, "never"),
     Throttled(429, "budget", status=BUDGET)],
)  # fmt: skip
def test_an_answer_is_an_answer(error: ClusterError) -> None:
    server, ask, _ = sent("DELETE", error, writes=True)
    with pytest.raises(type(error)):
        ask()
    assert server.sent == 1


def test_a_server_that_stays_away_is_given_up_in_time() -> None:
    server, ask, told = sent("GET", NEVER, away=1e6)
    with pytest.raises(NeverSent):
        ask()
    assert server.sent == 46
    assert len(told) == 1


def test_a_retry_waits_as_long_as_the_server_says() -> None:
    server, ask, _ = sent("GET", Throttled(429, "later", retry_after=4.0))
    ask()
    assert server.sent == 3


def test_a_short_silence_is_not_worth_a_line() -> None:
    _, ask, told = sent("GET", NEVER, away=1.0)
    ask()
    assert told == []


def test_a_refused_connection_and_an_unknown_name_were_never_sent() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for server in (f"http://127.0.0.1:{port}", "http://no-such-name.invalid"):
        with (
            connect(Access(context="away", server=server)) as cluster,
            pytest.raises(NeverSent, match="did not answer"),
        ):
            cluster.send(Request("GET", "/api/v1/namespaces"))
