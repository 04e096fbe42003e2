"""One trial: a store in a process of its own, a ledger on it, a kill or a restore in the middle.

It uses the ledger's own writers and reads, and its analysis. What is right and wrong about the
store is known from its switch, not from anything here.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from resilience.ledger import reading, restored
from resilience.ledger.analysis import Analysis, analyse
from resilience.ledger.drivers.http_driver import HttpStore
from resilience.ledger.drivers.session import Place
from resilience.ledger.history import History
from resilience.ledger.promises import Allow, findings, power
from resilience.ledger.reading import Patience
from resilience.ledger.records import Span, Strike
from resilience.ledger.serve import durable_store
from resilience.ledger.writers import Writers
from resilience.model.verdict import Finding

PATIENCE = 30.0
START = "trial.ledger."


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Serving:
    """The store's process; it can be killed, ended and started again on the same port."""

    def __init__(self, data: Path, wrong: str = "") -> None:
        self.data, self.wrong, self.port = data, wrong, free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-I", durable_store.__file__, "--data", str(self.data),
                   "--port", str(self.port)]  # fmt: skip
        command += ["--wrong", self.wrong] if self.wrong else []
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        assert b"serving" in self.process.stdout.readline()

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)
        self.process.wait(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
            return str(answer.read().decode())

    def store(self) -> HttpStore:
        place = Place(start=START, timeout=1.0, secrets={},
                      address=lambda: ("127.0.0.1", self.port))  # fmt: skip
        return HttpStore(place=place, put="/kv/{key}", get="/kv/{key}", delete="/kv/{key}",
                         list="/kv?prefix={prefix}", host="store")  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    analysis: Analysis
    findings: list[Finding]
    history: History

    @property
    def broken(self) -> list[str]:
        return [each.name for each in self.findings if each.result.value == "failed"]

    @property
    def results(self) -> set[str]:
        return {each.result.value for each in self.findings}


def run(
    directory: Path,
    seed: int,
    wrong: str,
    fault: Callable[[Serving, Random], list[Span]] | None,
    *,
    rate: float = 200.0,
    before: float = 0.35,
    after: float = 0.35,
    settle: float = 0.6,
) -> Outcome:
    """Writes, strikes, restarts, writes on, reads, judges. `fault` leaves the store running; it
    returns the snapshot's and the restore's spans, where it was one."""
    random = Random(seed)
    serving = Serving(directory / "data", wrong)
    serving.start()
    history = History(directory / "ledger.jsonl", {"seed": seed})
    writers = Writers(serving.store(), history, START, interval=1 / rate, timeout=1.0, size=64,
                      sampled=0.3, random=random)  # fmt: skip
    begun = time.monotonic()
    spans: list[Span] = []
    try:
        writers.start()
        time.sleep(before + random.random() * 0.2)
        struck = time.monotonic()
        if fault is not None:
            spans = fault(serving, random)
        time.sleep(after)
        writers.stop(5.0)
        trouble = writers.trouble or reading.final_reads(
            serving.store(), history, Patience(timeout=PATIENCE, settle=settle), each=False
        )
    finally:
        writers.stop(5.0)
        if serving.process is not None and serving.process.poll() is None:
            serving.signal(signal.SIGKILL)
        history.close(keep=True)
    excused = restored.excused(spans[:1], spans[1:]) if spans else []
    analysis = analyse(history.writes, history.reads, excused)
    strikes = [Strike(at=struck, text="the fault")]
    stakes = power(history.writes, strikes, begun, time.monotonic())
    found = findings("store", analysis, Allow(), stakes, strikes, trouble)
    return Outcome(analysis, found, history)


def killed(serving: Serving, random: Random) -> list[Span]:
    """kill -9, and a new start on the same data."""
    serving.signal(signal.SIGKILL)
    serving.start()
    return []


def ended(serving: Serving, random: Random) -> list[Span]:
    """SIGTERM, and a new start on the same data."""
    serving.signal(signal.SIGTERM)
    serving.start()
    return []


def brought_back(serving: Serving, random: Random) -> list[Span]:
    """A copy of the data, some more writes, the loss of everything, and the copy in its place."""
    copy = serving.data.with_name("copy")
    taken = time.monotonic()
    shutil.copytree(serving.data, copy)
    snapshot = Span(since=taken, until=time.monotonic(), name="store")
    time.sleep(0.2)
    lost = time.monotonic()
    serving.signal(signal.SIGKILL)
    shutil.rmtree(serving.data)
    shutil.copytree(copy, serving.data)
    serving.start()
    return [snapshot, Span(since=lost, until=time.monotonic(), name="store")]


FAULTS: dict[str, Callable[[Serving, Random], list[Span]]] = {
    "acknowledge-before-write": killed,
    "no-fsync": killed,
    "lose-last-on-term": ended,
    "stale-reads": killed,
    "fork-after-restore": brought_back,
}
"""The fault that brings each wrong mode to light."""
