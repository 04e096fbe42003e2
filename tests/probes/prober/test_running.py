"""A real prober process against a real server: steadiness, freezing, death, lag."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from resilience.model.samples import Answer
from resilience.model.scenario import Objective
from resilience.model.values import Availability, Duration
from resilience.model.verdict import Reason, Result, Window
from resilience.probes import measures
from resilience.probes.kinds.http import Http
from resilience.probes.prober.process import AGENT
from resilience.report import wording
from resilience.verbs.context import NotMet
from tests.probes.probing import PATIENCE, Clock, pid_of, running, wait_for
from tests.probes.server import Server, answer

ALL = Objective(availability=Availability.parse("99%"), longest_outage=Duration.of(1))


def http(**given: object) -> Http:
    return replace(Http(service="checkout"), **given)  # type: ignore[arg-type]


def test_ten_good_answers_in_a_row_are_steady() -> None:
    with Server() as server, running(http(), server.port) as probe:
        probe.wait_steady(time.monotonic() + PATIENCE)
        planned, good = probe.progress()
    assert planned == good >= 10


def test_what_is_not_steady_says_what_came_instead() -> None:
    with Server(answer(503)) as server, running(http(), server.port) as probe:
        wait_for(probe, Answer.STATUS, 20)
        with pytest.raises(NotMet) as told:
            probe.wait_steady(time.monotonic())
    assert str(told.value) == (
        "GET http://checkout/ is not steady: expected 10 good answers in a row, of the last 20: "
        "20 wrong status\nwrong status: status 503"
    )


def test_a_service_that_comes_up_late_becomes_steady() -> None:
    with Server() as server:
        server.refuse()
        with running(http(), server.port) as probe:
            wait_for(probe, Answer.REFUSED, 5)
            server.listen()
            probe.wait_steady(time.monotonic() + PATIENCE)


def test_requests_leave_on_schedule_while_the_service_hangs() -> None:
    def slow(connection: socket.socket) -> None:
        time.sleep(0.4)
        answer()(connection)

    with Server(slow) as server, running(http(), server.port) as probe:
        samples = wait_for(probe, Answer.GOOD, 60)
    intervals = {round(b.intended - a.intended, 6) for a, b in pairwise(samples)}
    assert intervals == {0.01}
    lags = sorted(sample.lag for sample in samples)
    assert lags[len(lags) // 2] < 0.1


@contextmanager
def served() -> Iterator[tuple[int, int]]:
    """A server in a process of its own: (pid, port)."""
    program = (
        "import socketserver, sys\n"
        "class H(socketserver.StreamRequestHandler):\n"
        "    def handle(self):\n"
        "        self.request.recv(4096)\n"
        "        self.request.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok')\n"
        "class S(socketserver.ThreadingTCPServer):\n"
        "    request_queue_size, daemon_threads = 1024, True\n"
        "server = S(('127.0.0.1', 0), H)\n"
        "print(server.server_address[1], flush=True)\n"
        "server.serve_forever()\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        yield child.pid, int(child.stdout.readline())
    finally:
        os.kill(child.pid, signal.SIGCONT)
        child.kill()
        child.wait()
        child.stdout.close()


@pytest.mark.alone  # it compares latencies with a stall, to a seventh
def test_a_frozen_service_shows_its_whole_stall() -> None:
    """Half of the run frozen: p90 of latencies is four fifths of the stall (Tene's check); a
    prober that waits for answers would have sent one request and seen nothing."""
    stall = 1.0
    clock = Clock()
    wanted = http(timeout=Duration.of(10))
    with served() as (pid, port), running(wanted, port, rate="200/s") as probe:
        probe.wait_steady(time.monotonic() + PATIENCE)
        began = time.monotonic()
        clock.wait(stall)
        os.kill(pid, signal.SIGSTOP)
        clock.wait(stall)
        os.kill(pid, signal.SIGCONT)
        ended = time.monotonic()
        probe.stop()
        window = Window(since=began, until=ended)
        ordered = measures.latencies(measures.within(probe.record().samples, window))
    frozen = ended - began - stall
    assert len(ordered) == pytest.approx((ended - began) * 200, abs=2)
    assert measures.percentile(ordered, 90) == pytest.approx(0.8 * frozen, rel=0.15)
    assert ordered[-1] == pytest.approx(frozen, rel=0.15)


def test_a_prober_that_is_killed_was_not_measured() -> None:
    with Server() as server, running(http(), server.port, objective=ALL) as probe:
        probe.wait_steady(time.monotonic() + PATIENCE)
        began = time.monotonic()
        os.kill(pid_of(probe), signal.SIGKILL)
        probe.stop()
        found = probe.judge(Window(since=began - 0.05, until=began + 5))
    assert {each.result for each in found} == {Result.NOT_MEASURED}
    assert "the prober was killed by signal 9" in wording.measured(found[0])


def test_waiting_for_a_dead_prober_ends_at_once_with_its_reason() -> None:
    with Server() as server:
        server.refuse()
        with running(http(), server.port) as probe:
            wait_for(probe, Answer.REFUSED, 1)
            os.kill(pid_of(probe), signal.SIGKILL)
            with pytest.raises(NotMet, match="killed by signal 9") as told:
                probe.wait_steady(time.monotonic() + PATIENCE)
    assert told.value.final


def test_a_prober_that_was_stopped_for_a_while_leaves_a_doubt() -> None:
    with Server() as server, running(http(), server.port, objective=ALL) as probe:
        probe.wait_steady(time.monotonic() + PATIENCE)
        began = time.monotonic()
        os.kill(pid_of(probe), signal.SIGSTOP)
        Clock().wait(0.5)
        os.kill(pid_of(probe), signal.SIGCONT)
        wait_for(probe, Answer.GOOD, 350)
        until = time.monotonic()
        probe.stop()
        found = probe.judge(Window(since=began, until=until))
    availability, outage = found
    assert (availability.result, availability.reason) == (Result.NOT_MEASURED, Reason.LATE)
    assert outage.result is Result.PASSED, "no request failed, and a gap of 0.5s is below 1s"


def test_a_prober_frozen_beyond_the_timeout_counts_what_it_never_sent() -> None:
    wanted = http(timeout=Duration.parse("200ms"))
    with Server() as server, running(wanted, server.port) as probe:
        probe.wait_steady(time.monotonic() + PATIENCE)
        os.kill(pid_of(probe), signal.SIGSTOP)
        Clock().wait(0.6)
        os.kill(pid_of(probe), signal.SIGCONT)
        samples = wait_for(probe, Answer.UNSENT, 10)
    assert [sample.seq for sample in samples] == list(range(len(samples)))
    assert all(s.lag > 0.2 for s in samples if s.answer is Answer.UNSENT)


def test_stopping_collects_what_is_under_way() -> None:
    def slow(connection: socket.socket) -> None:
        time.sleep(0.3)
        answer()(connection)

    with Server(slow) as server, running(http(), server.port) as probe:
        wait_for(probe, Answer.GOOD, 1)
        stopped = time.monotonic()
        probe.stop()
        samples = probe.record().samples
    assert samples[-1].intended > stopped - 0.1
    assert {sample.answer for sample in samples} == {Answer.GOOD}


def test_stopping_twice_is_stopping_once() -> None:
    with Server() as server, running(http(), server.port) as probe:
        wait_for(probe, Answer.GOOD, 1)
        probe.stop()
        before = len(probe.record().samples)
        probe.stop()
    assert len(probe.record().samples) == before


def test_availability_below_the_abort_condition_says_so() -> None:
    with Server() as server, running(http(), server.port, abort_below="50%") as probe:
        probe.wait_steady(time.monotonic() + PATIENCE)
        assert probe.below() == ""
        server.behaviour = answer(500)
        told = Clock().until(lambda: probe.below() != "", time.monotonic() + PATIENCE)
    assert told
    assert "below the 50% at which this probe aborts the run" in probe.below()


def test_the_prober_ends_when_who_started_it_is_killed() -> None:
    program = (
        "import subprocess, sys, time\n"
        f"p = subprocess.Popen([sys.executable, '-I', '-S', {str(AGENT)!r}],"
        " stdin=subprocess.PIPE)\n"
        'p.stdin.write(b\'{"host": "127.0.0.1", "port": 9, "rate": 10}\\n\')\n'
        "p.stdin.flush()\nprint(p.pid, flush=True)\ntime.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout as lines:
        agent = int(lines.readline())
        parent.kill()
        parent.wait()
        gone = Clock().until(lambda: not _runs(agent), time.monotonic() + PATIENCE)
    assert gone


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_connections_are_kept_when_asked_for() -> None:
    def many(connection: socket.socket) -> None:
        while True:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            if not connection.recv(4096):
                return

    with Server(many) as server, running(http(keepalive=True), server.port) as probe:
        samples = wait_for(probe, Answer.GOOD, 30)
        # A slow machine has several under way at once; each is used again all the same.
        used_again = lambda: probe.progress()[1] > 3 * server.connections  # noqa: E731
        assert Clock().until(used_again, time.monotonic() + PATIENCE), server.connections
    assert {sample.answer for sample in samples} == {Answer.GOOD}


def test_a_kept_connection_that_the_server_closed_is_replaced() -> None:
    with Server() as server, running(http(keepalive=True), server.port) as probe:
        samples = wait_for(probe, Answer.GOOD, 30)
    assert {sample.answer for sample in samples} == {Answer.GOOD}
    assert server.connections >= 30


def test_a_prober_that_is_late_sends_on_no_connection_that_has_ended() -> None:
    with Server() as server, running(http(keepalive=True), server.port) as probe:
        wait_for(probe, Answer.GOOD, 3)
        os.kill(pid_of(probe), signal.SIGSTOP)  # requests become due, connections end meanwhile
        Clock().wait(0.2)
        os.kill(pid_of(probe), signal.SIGCONT)
        samples = wait_for(probe, Answer.GOOD, 30)
    assert {sample.answer for sample in samples} == {Answer.GOOD}


def test_each_request_is_a_connection_of_its_own() -> None:
    with Server() as server, running(http(), server.port) as probe:
        samples = wait_for(probe, Answer.GOOD, 20)
    assert server.connections >= len(samples)


@pytest.fixture(name="certificate", scope="module")
def fixture_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for checkout.shop with its key."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "checkout.shop")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("checkout.shop")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


@contextmanager
def tls_server(certificate: Path) -> Iterator[Server]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)

    class Tls(Server):
        def _serve(self, connection: socket.socket) -> None:
            try:
                secured = context.wrap_socket(connection, server_side=True)
            except OSError:
                connection.close()
                return
            super()._serve(secured)

    with Tls() as server:
        yield server


def test_a_certificate_that_is_trusted_and_bears_the_name_is_good(certificate: Path) -> None:
    wanted = http(scheme="https", ca=certificate)
    with tls_server(certificate) as server, running(wanted, server.port) as probe:
        samples = wait_for(probe, Answer.GOOD, 10)
    assert {sample.answer for sample in samples} == {Answer.GOOD}


@pytest.mark.parametrize(("given", "reason"), [
    ({}, "self-signed certificate"),
    ({"server_name": "other.shop"}, "Hostname mismatch"),
])  # fmt: skip
def test_a_certificate_is_never_taken_on_trust(
    certificate: Path, given: dict[str, str], reason: str
) -> None:
    wanted = http(scheme="https", ca=certificate if given else None, **given)
    with tls_server(certificate) as server, running(wanted, server.port) as probe:
        wait_for(probe, Answer.TLS, 20)
        with pytest.raises(NotMet, match=reason):
            probe.wait_steady(time.monotonic())


def test_plain_http_where_tls_is_expected_is_a_tls_failure() -> None:
    with Server(answer()) as server:
        with running(http(scheme="https"), server.port) as probe:
            wait_for(probe, Answer.TLS, 3)


def permitted(rate: float) -> str:
    """What the kernel allows a process of ours, asked of one that is none of the prober's."""
    program = (
        "import os\n"
        "try: os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1)); print('real time')\n"
        "except OSError: print('')\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    return said.stdout.strip() if rate <= 1000 else ""


def test_a_prober_has_a_session_of_its_own_so_that_busy_processes_do_not_delay_it() -> None:
    with Server() as server, running(http(), server.port) as probe:
        wait_for(probe, Answer.GOOD, 1)
        assert os.getsid(pid_of(probe)) == pid_of(probe)


@pytest.mark.parametrize("rate", [100, 1500])
def test_a_prober_runs_in_real_time_where_that_is_permitted_and_its_rate_is_low(rate: int) -> None:
    with Server() as server, running(http(), server.port, rate=f"{rate}/s") as probe:
        wait_for(probe, Answer.GOOD, 5)
        policy = os.sched_getscheduler(pid_of(probe))
        probe.stop()
        own = probe.record().facts["prober"]
    real_time = policy & ~os.SCHED_RESET_ON_FORK == os.SCHED_RR
    assert real_time == (permitted(rate) == "real time")
    assert (own["priority"] == "real time") == real_time
