"""The prober beside the physical limit: one thread that sleeps, connects, asks and reads.

The bare loop does nothing else: no schedule beyond its own, no answer classes, no record. Both ask
the same server in the same run; lag is how late a request left behind its plan.
"""

from __future__ import annotations

import resource
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks import Row, milliseconds, percentile
from resilience.model.samples import Answer
from resilience.probes.prober.process import AgentProcess
from resilience.probes.prober.samples import SampleLog

SECONDS = 3.0
ROUNDS = 3
"""Taken in turns with the bare loop, of which the median counts: machines have neighbours."""

RATES = (100, 500)
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

SERVER = """
import socket
s = socket.create_server(("127.0.0.1", 0), backlog=1024)
print(s.getsockname()[1], flush=True)
while True:
    c, _ = s.accept()
    with c:
        if c.recv(4096):
            c.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
            c.shutdown(1)
"""

BUSY = "import time\nwhile True:\n    sum(range(1000))\n"


def measure() -> Iterator[Row]:
    """Lag, latency, CPU and memory; idle, and with every processor busy."""
    with _python(SERVER) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        for rate in RATES:
            yield from _beside(port, rate, f"{rate}/s, machine as it is")
        with _python(BUSY), _python(BUSY):
            yield from _beside(port, 100, "100/s, two busy processes")


def _beside(port: int, rate: int, where: str) -> Iterator[Row]:
    rounds = [(_of_prober(port, rate), _bare(port, rate)) for _ in range(ROUNDS)]
    ours, bare = _Median([one for one, _ in rounds]), _Median([other for _, other in rounds])
    reach = "1 ms" if "as it is" in where else ""
    yield _row(f"send lag p50, {where}", ours.lag(50), bare.lag(50), "")
    yield _row(f"send lag p99, {where}", ours.lag(99), bare.lag(99), reach if rate == 100 else "")
    yield _row(f"answer after sending p50, {where}", ours.took(50), bare.took(50), "")
    yield _row(f"CPU per request, {where}", ours.cpu(), bare.cpu(), "")
    yield Row(what=f"memory of the prober, {where}", measured=f"{ours.rss() / 2**20:.1f} MiB")


@dataclass(frozen=True, slots=True)
class _Round:
    lags: list[float]
    took: list[float]
    cpu: float
    rss: float = 0.0


@dataclass(frozen=True, slots=True)
class _Median:
    rounds: list[_Round]

    def lag(self, percent: float) -> float:
        return statistics.median(percentile(each.lags, percent) for each in self.rounds)

    def took(self, percent: float) -> float:
        return statistics.median(percentile(each.took, percent) for each in self.rounds)

    def cpu(self) -> float:
        return statistics.median(each.cpu for each in self.rounds)

    def rss(self) -> float:
        return max(each.rss for each in self.rounds)


def _row(what: str, ours: float, bare: float, reach: str) -> Row:
    return Row(what=what, measured=_fine(ours), reach=reach, beside=_fine(bare), ratio=ours / bare)


def _fine(seconds: float) -> str:
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1000:.2f} ms" if seconds < 0.01 else milliseconds(seconds)


def _bare(port: int, rate: int) -> _Round:
    """The least that can be done."""
    lags: list[float] = []
    took: list[float] = []
    before = resource.getrusage(resource.RUSAGE_THREAD)
    start = time.monotonic() + 0.01
    for k in range(int(SECONDS * rate)):
        due = start + k / rate
        while (left := due - time.monotonic()) > 0:
            time.sleep(left)
        sent = time.monotonic()
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(REQUEST)
            while connection.recv(4096):
                pass
        lags.append(sent - due)
        took.append(time.monotonic() - sent)
    after = resource.getrusage(resource.RUSAGE_THREAD)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return _Round(lags, took, cpu / len(lags))


def _of_prober(port: int, rate: int) -> _Round:
    log = SampleLog()
    given = {"host": "127.0.0.1", "port": port, "rate": rate, "timeout": 1.0,
             "limit": int(SECONDS * rate)}  # fmt: skip
    agent = AgentProcess(given, log, lambda: None)
    agent.wait(SECONDS + 10)
    agent.stop()
    good = [sample for sample in log if sample.answer is Answer.GOOD]
    return _Round(
        [sample.lag for sample in good],
        [sample.latency - sample.lag for sample in good],
        agent.cost["cpu"] / len(good),
        agent.cost["rss"],
    )


@contextmanager
def _python(program: str) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        assert child.stdout is not None
        child.stdout.close()
