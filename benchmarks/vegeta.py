"""Agents beside vegeta on one processor each: requests for a second of processor time.

Both send at the same rate to the same server, each request over a new connection, in turns; the
median of the rounds counts. Processor time is compared, and not the highest rate: on a machine of
two processors the server would decide that. N agents have a processor each, as in Pods of N nodes.
Without vegeta on PATH or in VEGETA, a row says so.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import Row
from benchmarks.probe import SERVER, _python
from resilience.model.samples import Answer
from resilience.probes.prober.process import AgentProcess
from resilience.probes.prober.samples import SampleLog

SECONDS = 3
ROUNDS = 3
RATE = 500
"""Of each agent, and of vegeta."""
AGENTS = (1, 2, 4)
ABSENT = "no vegeta: go install github.com/tsenart/vegeta/v12@latest, on PATH or in VEGETA"


def measure() -> Iterator[Row]:
    """Requests for a second of processor time, of all agents together beside one vegeta."""
    vegeta = os.environ.get("VEGETA") or shutil.which("vegeta")
    with _python(SERVER) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        for count in AGENTS:
            rounds = [(_agents(port, count), _vegeta(vegeta, port)) for _ in range(ROUNDS)]
            ours = statistics.median(own for own, _ in rounds)
            peer = statistics.median(other for _, other in rounds)
            yield Row(
                what=f"agents on a processor each: {count}, {RATE}/s each",
                measured=f"{ours:.0f} requests for 1 s", reach="1 x vegeta",
                beside=f"vegeta {peer:.0f}" if vegeta else ABSENT,
                ratio=ours / peer if vegeta else None,
            )  # fmt: skip


def _agents(port: int, count: int) -> float:
    """What each of them gets out of its processor, added up."""
    given = {"host": "127.0.0.1", "port": port, "rate": RATE, "timeout": 1.0,
             "limit": SECONDS * RATE}  # fmt: skip
    logs = [SampleLog() for _ in range(count)]
    agents = [AgentProcess(given, log, lambda: None) for log in logs]
    for agent in agents:
        agent.wait(SECONDS + 30)
        agent.stop()
    good = [sum(sample.answer is Answer.GOOD for sample in log) for log in logs]
    return sum(sent / float(agent.cost["cpu"]) for sent, agent in zip(good, agents, strict=True))


def _vegeta(program: str | None, port: int) -> float:
    """The same of vegeta, which writes its results to a file."""
    if not program:
        return 0.0
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder, "results")
        words = [program, "attack", f"-rate={RATE}", f"-duration={SECONDS}s", "-keepalive=false",
                 "-timeout=1s", f"-output={results}"]  # fmt: skip
        child = subprocess.Popen(
            words, stdin=subprocess.PIPE, env={**os.environ, "GOMAXPROCS": "1"}
        )
        assert child.stdin is not None
        child.stdin.write(f"GET http://127.0.0.1:{port}/\n".encode())
        child.stdin.close()
        _, status, used = os.wait4(child.pid, 0)  # its processor time, and of no other child
        child.returncode = os.waitstatus_to_exitcode(status)
        told = subprocess.run([program, "report", "-type=json", str(results)],
                              check=True, capture_output=True).stdout  # fmt: skip
    report = json.loads(told)
    good: float = report["requests"] * report["success"]
    return good / (used.ru_utime + used.ru_stime)
