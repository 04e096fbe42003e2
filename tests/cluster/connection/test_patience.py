"""An API server that is away is waited for, and nothing is done twice that must not be."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import urllib3

from resilience.cluster import connect, open_context
from resilience.cluster.access.access import Access
from resilience.cluster.connection import patience
from resilience.cluster.connection.patience import patient
from resilience.cluster.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    NeverSent,
    NotTrusted,
    ServerTrouble,
    Throttled,
    Unreachable,
)
from resilience.cluster.interface import NAMESPACES, PODS, Object
from resilience.cluster.requests.request import Request
from tests.cluster.faulty import Behaviour, FaultyServer, Feed, reply, reset, status
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
        with pytest.raises(type(error)) as caught:
            ask()
        assert (server.sent, told) == (1, [])
        assert "tried" not in str(caught.value)


def test_reads_are_repeated_and_the_writes_of_whoever_allows_it() -> None:
    for error in (LOST, ServerTrouble(503, "away"), Throttled(429, "later")):
        assert sent("GET", error)[1]()
        assert sent("PATCH", error, writes=True)[1]()


@pytest.mark.parametrize(
    "error",
    [Forbidden(403, "no"), Conflict(409, "no"), ServerTrouble(501, "never"),
     Throttled(429, "budget", status=BUDGET), NotTrusted("its certificate is not trusted")],
)  # fmt: skip
def test_an_answer_is_an_answer(error: ClusterError) -> None:
    server, ask, _ = sent("DELETE", error, writes=True)
    with pytest.raises(type(error)):
        ask()
    assert server.sent == 1


def test_a_server_that_stays_away_is_given_up_in_time() -> None:
    server, ask, told = sent("GET", NEVER, away=1e6)
    with pytest.raises(NeverSent, match="connection refused; tried 46 times in 45 s"):
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


NAMESPACE = "/api/v1/namespaces/kube-system"
AWAY = reply(status(503, "ServiceUnavailable", "starting"), 503)
BUSY = reply(status(429, "TooManyRequests", "later"), 429, {"Retry-After": "1"})
LEADER = reply(status(500, "InternalError", "etcdserver: leader changed"), 500)
NO = reply(status(403, "Forbidden", "namespaces is forbidden"), 403)
FOUND = reply({"kind": "Namespace", "metadata": {"uid": "u-1"}})
REAL = reply({"gitVersion": "v1.36.2"})


@pytest.fixture
def kubeconfig(server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Of that server; waits take no time."""
    monkeypatch.setattr(patience, "_RealTime", Time)
    file = tmp_path / "config"
    file.write_text(CONFIG.replace("SERVER", server.url))
    return str(file)


CONFIG = """\
apiVersion: v1
kind: Config
current-context: prod
contexts: [{name: prod, context: {cluster: prod, user: me}}]
clusters: [{name: prod, cluster: {server: "SERVER"}}]
users: [{name: me, user: {token: t}}]
"""


@pytest.mark.parametrize("trouble", [AWAY, BUSY, LEADER, reset])
def test_whoever_opens_a_cluster_asks_again_where_it_says_so(
    server: FaultyServer, kubeconfig: str, trouble: Behaviour
) -> None:
    server.on("GET /version", trouble, REAL)
    server.on(f"GET {NAMESPACE}", trouble, FOUND)
    with open_context("", kubeconfig) as cluster:
        assert cluster.get(NAMESPACES, "kube-system")["metadata"]["uid"] == "u-1"
        assert not cluster.is_sandbox


def test_a_cluster_that_stays_away_is_given_up_soon(server: FaultyServer, kubeconfig: str) -> None:
    server.on("GET /version", REAL)
    server.on(f"GET {NAMESPACE}", AWAY)
    with open_context("", kubeconfig) as cluster:
        with pytest.raises(ServerTrouble, match="starting; tried 6 times in 5 s"):
            cluster.get(NAMESPACES, "kube-system")


def test_an_answer_to_the_first_question_is_told_at_once(
    server: FaultyServer, kubeconfig: str
) -> None:
    server.on("GET /version", REAL)
    server.on(f"GET {NAMESPACE}", NO)
    with open_context("", kubeconfig) as cluster:
        with pytest.raises(Forbidden) as caught:
            cluster.get(NAMESPACES, "kube-system")
    assert "tried" not in str(caught.value)
    assert server.count(f"GET {NAMESPACE}") == 1


def test_discovery_is_as_patient_as_its_reader_except_for_the_servers_of_groups(
    server: FaultyServer, kubeconfig: str
) -> None:
    server.on("GET /version", REAL)
    server.on("GET /api", AWAY, reply({"kind": "APIVersions", "versions": []}))
    group = {"name": "gone.io", "versions": [{"version": "v1"}]}
    server.on("GET /apis", reset, reply({"kind": "APIGroupList", "groups": [group]}))
    server.on("GET /apis/gone.io/v1", AWAY)
    with open_context("", kubeconfig) as cluster:
        assert cluster.resources() == []
    assert server.count("GET /apis/gone.io/v1") == 1


def test_a_view_begins_as_patiently_as_its_reader(server: FaultyServer, kubeconfig: str) -> None:
    server.on("GET /version", REAL)
    server.on("LIST", AWAY, reply({"metadata": {"resourceVersion": "7"}, "items": []}))
    server.on("WATCH", feed := Feed())
    with open_context("", kubeconfig) as cluster, cluster.view(PODS, "shop") as view:
        assert not view.objects()
        feed.end()


def test_a_certificate_that_is_not_trusted_is_told_at_once() -> None:
    with connect(Access(context="prod", server="https://prod.example")) as cluster:
        refused = ssl.SSLCertVerificationError(1, "self-signed certificate")
        refused.verify_message = "self-signed certificate"
        wrapped = urllib3.exceptions.SSLError(refused)
        lost = cluster.unreachable("GET /version", wrapped)
        assert isinstance(lost, NotTrusted)
        other = cluster.unreachable("GET /version", urllib3.exceptions.SSLError(ssl.SSLError(1)))
        assert not isinstance(other, NotTrusted)
