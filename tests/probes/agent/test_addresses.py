"""A name with several addresses, and a kept connection that has ended: what a client makes of
them. The agent's own loop on real sockets; only the resolver's answer is scripted."""

from __future__ import annotations

import itertools
import json
import os
import select
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.model.finding import Result
from resilience.model.scenario import Objective
from resilience.model.values import Availability
from resilience.model.verdict import Window
from resilience.probes.agent.answers import ANSWERS, REFUSED, TIMEOUT, UNREACHABLE
from resilience.probes.agent.exchange import Exchange, Race, targets_of
from resilience.probes.agent.plan import Plan
from resilience.probes.agent.send_loop import SendLoop
from resilience.probes.agent.writer import Writer
from resilience.probes.judge import Observed, judge
from resilience.report import wording
from tests.ledger.trial import free_port
from tests.probes.made import made
from tests.probes.server import Server, answer

REAL = socket.getaddrinfo
NAME = "many.test"


class Here(Server):
    """A server on one address of loopback."""

    def __init__(self, host: str, port: int, behaviour: Any = None) -> None:
        super().__init__(behaviour)
        self._keeper.close()
        self.host, self.port = host, port
        self.family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._keeper = socket.socket(self.family)

    def listen(self) -> None:
        import threading

        listener = socket.create_server((self.host, self.port), family=self.family)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()


@contextmanager
def silent(host: str, port: int) -> Iterator[None]:
    """An address whose backlog is full: a connection there neither succeeds nor fails."""
    with ExitStack() as held:
        listener = held.enter_context(socket.socket())
        listener.bind((host, port))
        listener.listen(0)
        for _ in range(8):
            filler = held.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex((host, port))
        yield


@pytest.fixture
def resolves(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Say what the name resolves to."""
    found: list[str] = []

    def looked_up(host: str, port: int, **more: Any) -> Any:
        if host != NAME or more.get("flags"):
            return REAL(host, port, **more)
        return [(socket.AF_INET6 if ":" in each else socket.AF_INET, 1, 6, "", (each, port))
                for each in found]  # fmt: skip

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    return found.extend


def run(port: int, **given: Any) -> tuple[list[Any], list[str]]:
    """Rows as (answer, who answered), and the remarks."""
    read, write = os.pipe()
    told = {"host": NAME, "port": port, "rate": 50, "limit": 3, "timeout": 2.0, **given}
    loop = SendLoop(Plan(told), Writer(write), None)
    loop.run()
    assert not loop.racing
    for exchange in loop.open.values():
        exchange.sock.close()
    loop.epoll.close()
    for fd in (loop.wake_read, loop.wake_write, write):
        os.close(fd)
    with open(read, "rb") as lines:
        news = [json.loads(line) for line in lines]
    rows = [row for each in news for row in each.get("samples", ())]
    shown = [(ANSWERS[row[3]], row[5] if len(row) > 5 else "") for row in sorted(rows)]
    return shown, [f"{text} ({n})" for text, n in news[-1]["end"]["remarks"].items()]


@pytest.mark.parametrize("kind", ["http", "tcp"])
def test_the_next_address_answers_when_the_first_one_refuses(resolves: Any, kind: str) -> None:
    port = free_port()
    resolves(["127.0.0.2", "127.0.0.3", "127.0.0.4"])
    with Here("127.0.0.3", port):
        rows, remarks = run(port, kind=kind)
    assert rows == [("GOOD", "127.0.0.3")] * 3
    assert remarks == ["127.0.0.2 refused (3)"]


def test_the_first_address_answers_while_it_can(resolves: Any) -> None:
    port = free_port()
    resolves(["127.0.0.2", "127.0.0.3"])
    with Here("127.0.0.2", port), Here("127.0.0.3", port) as other:
        rows, remarks = run(port)
    assert rows == [("GOOD", "127.0.0.2")] * 3
    assert (remarks, other.connections) == ([], 0)


def sockets() -> set[str]:
    """This process's, by inode. Those of earlier tests may close at any time."""
    found = (os.path.realpath(each) for each in Path("/proc/self/fd").iterdir())
    return {each for each in found if "socket:" in each}


def test_a_silent_address_is_raced_after_a_head_start(resolves: Any) -> None:
    port = free_port()
    resolves(["127.0.0.2", "127.0.0.3"])
    with silent("127.0.0.2", port), Here("127.0.0.3", port):
        rows, remarks = run(port)
    assert rows == [("GOOD", "127.0.0.3")] * 3
    assert remarks == ["127.0.0.2 slow to connect (3)"]


def test_a_name_whose_addresses_are_all_dead_is_down(resolves: Any) -> None:
    port = free_port()
    resolves(["127.0.0.2", "127.0.0.3"])
    rows, remarks = run(port)
    assert rows == [("REFUSED", "")] * 3
    assert remarks == []


def test_silent_addresses_time_out_and_leave_nothing_open(resolves: Any) -> None:
    port = free_port()
    resolves(["127.0.0.2", "127.0.0.3"])
    with silent("127.0.0.2", port), silent("127.0.0.3", port):
        before = sockets()
        assert run(port, timeout=0.6)[0] == [("TIMEOUT", "")] * 3
        assert not sockets() - before


def test_an_error_of_the_answering_server_is_its_own(resolves: Any) -> None:
    """The next address is for a connection that fails, not for an answer that is wrong."""
    port = free_port()
    resolves(["127.0.0.2", "127.0.0.3"])
    with Here("127.0.0.2", port, answer(503)), Here("127.0.0.3", port) as other:
        rows, _ = run(port)
    assert rows == [("STATUS", "127.0.0.2")] * 3
    assert other.connections == 0


@given(st.lists(st.sampled_from([4, 6]), min_size=1, max_size=8))
def test_families_take_turns_and_no_address_is_lost(families: list[int]) -> None:
    found = [(family, 1, 6, "", (str(number),)) for number, family in enumerate(families)]
    ordered = targets_of([*found, *found])
    assert sorted(ordered) == sorted((info[0], info[4]) for info in found)
    assert ordered[0] == (families[0], ("0",))
    shared = min(families.count(4), families.count(6))
    assert all(one[0] != other[0] for one, other in itertools.pairwise(ordered[: 2 * shared]))


def test_a_race_that_all_lost_says_what_a_host_said() -> None:
    race = Race([])
    race.failed = [("a", UNREACHABLE), ("b", REFUSED), ("c", TIMEOUT)]
    assert race.answer() == REFUSED
    race.failed = [("a", UNREACHABLE)]
    assert race.answer() == UNREACHABLE


def test_a_try_that_has_just_begun_gets_its_whole_head_start() -> None:
    """The one before it failed early, and the time for its successor had been noted."""
    read, write = os.pipe()
    loop = SendLoop(Plan({"host": "127.0.0.1", "port": 9, "rate": 1}), Writer(write), None)
    exchange = Exchange(0, 0.0)
    race = exchange.race = Race([(socket.AF_INET, ("127.0.0.2", 9))])
    race.due = 2.0
    loop.next_tries.extend([(1.0, exchange), (2.0, exchange)])
    loop._give_up(1.5)
    assert len(race.left) == 1
    loop.count = 1
    loop._give_up(2.0)
    assert len(race.left) == 0
    for fd in (loop.wake_read, loop.wake_write, read, write):
        os.close(fd)
    loop.epoll.close()
    for sock, _ in race.tried.values():
        sock.close()


class Closing:
    """Answers the first request of each connection, and ends it as the second one arrives."""

    def __init__(self, *, resets: bool = False, begins: bytes = b"") -> None:
        self.resets, self.begins = resets, begins

    def __call__(self, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        connection.recv(4096)
        connection.sendall(self.begins)
        if self.resets:
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


SENT_AGAIN = "sent again, since its kept connection had ended"


@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_request_on_a_kept_connection_that_ends_is_sent_once_more(
    resets: bool, method: str
) -> None:
    with Server(Closing(resets=resets)) as server:
        rows, remarks = run(server.port, host="127.0.0.1", keepalive=True, limit=4, rate=5,
                            method=method)  # fmt: skip
    assert [row[0] for row in rows] == ["GOOD"] * 4
    (remark,) = remarks  # of all but the first, unless one was slow: each new one answers once
    assert remark.startswith(SENT_AGAIN)


def test_an_answer_that_nobody_asked_for_ends_the_connection() -> None:
    """HAProxy tells a client that was idle for too long: 408. Go drops the connection then."""

    def unasked(connection: socket.socket) -> None:
        while True:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            select.select([connection], [], [], 0.05)
            connection.sendall(b"HTTP/1.0 408 Request Time-out\r\n\r\n")
            if not connection.recv(4096):
                return

    with Server(unasked) as server:
        rows, remarks = run(server.port, host="127.0.0.1", keepalive=True, limit=3, rate=5)
        assert server.connections == 3
    assert [row[0] for row in rows] == ["GOOD"] * 3
    assert remarks == []


def test_a_request_that_may_not_be_repeated_is_not() -> None:
    with Server(Closing()) as server:
        rows, remarks = run(server.port, host="127.0.0.1", keepalive=True, limit=4, rate=5,
                            method="POST")  # fmt: skip
    assert {row[0] for row in rows} == {"GOOD", "RESET"}
    assert remarks == []


def test_an_answer_that_has_begun_is_not_asked_for_again() -> None:
    with Server(Closing(begins=b"H")) as server:
        rows, remarks = run(server.port, host="127.0.0.1", keepalive=True, limit=2, rate=2)
    assert [row[0] for row in rows] == ["GOOD", "RESET"]
    assert remarks == []


def test_a_new_connection_that_ends_is_the_services_failure() -> None:
    """Nothing is tried twice but what was sent on a kept connection."""
    with Server(lambda connection: None) as server:
        rows, remarks = run(server.port, host="127.0.0.1", keepalive=True)
        assert server.connections == 3
    assert [row[0] for row in rows] == ["RESET"] * 3
    assert remarks == []


def test_the_second_try_fails_where_the_service_is_gone() -> None:
    server = Server()

    def leaves(connection: socket.socket) -> None:
        Closing()(connection)
        server.refuse()

    server.behaviour = leaves
    with server:
        rows, _ = run(server.port, host="127.0.0.1", keepalive=True, limit=3, rate=5)
    assert rows[0][0] == "GOOD"
    assert rows[2][0] == "REFUSED"


def test_what_spoiled_no_request_is_in_the_report_of_one_that_passed() -> None:
    observed = Observed(name="web", interval=0.01, timeout=1.0, samples=made("+" * 400),
                        remarks=("127.0.0.2 refused (3)",))  # fmt: skip
    promised = Objective(availability=Availability.parse("99%"))
    (finding,) = judge(observed, promised, Window(since=0.0, until=3.0))
    assert finding.result is Result.PASSED
    assert "in the whole run: 127.0.0.2 refused (3)" in wording.detail(finding)
