"""A fleet of 50 and of 200 clusters: where the time goes that is not spent in scenarios.

An API server of a few lines answers for all clusters and tells them apart by their tokens. Measured
are the look at each cluster before the run, the collection of ten scenarios for each, and the
report of all runs. What a scenario itself takes, on any number of workers, is its own business.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from benchmarks import Row

SIZES = (50, 200)
SCENARIOS = 10

SCENARIO = """\
scenario: number {number}
namespace: default
when:
  - kill: {{pods: app=web, count: 1}}
then:
  - recovered: {{}}
    within: 30s
"""


def measure() -> Iterator[Row]:
    """Each stage, for both sizes."""
    for size in SIZES:
        with tempfile.TemporaryDirectory() as scratch, _server() as port:
            folder = Path(scratch)
            _write(folder, size, port)
            yield _row(size, "looked at, one request each", _survey(folder))
            yield _row(size, f"collected with {SCENARIOS} scenarios each", _collect(folder))
            took, megabytes = _report(size)
            yield _row(size, f"reported, {size * SCENARIOS:,} runs", took, f"{megabytes:.1f} MB")


def _row(size: int, what: str, took: float, beside: str = "") -> Row:
    return Row(
        what=f"{size:,} clusters {what}",
        measured=f"{took:.2f} s",
        beside=beside or f"{took / size * 1000:.1f} ms a cluster",
    )


class _Api(BaseHTTPRequestHandler):
    """The namespace kube-system of the cluster that the token names."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet

    def do_GET(self) -> None:
        token = self.headers.get("Authorization", "").rpartition(" ")[2]
        meta = {"name": "kube-system", "uid": token}
        body = json.dumps({"kind": "Namespace", "apiVersion": "v1", "metadata": meta,
                           "gitVersion": "v1.36.0"}).encode()  # fmt: skip
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def _server() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Api) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def _write(folder: Path, size: int, port: int) -> None:
    names = [f"c{number:04}" for number in range(size)]
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "api", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": name, "user": {"token": name}} for name in names],
        "contexts": [{"name": name, "context": {"cluster": "api", "user": name}}
                     for name in names],
    }  # fmt: skip
    (folder / "kubeconfig").write_text(json.dumps(config))
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "fleet.toml").write_text(
        "".join(f'[clusters.{name}]\ncontext = "{name}"\n' for name in names)
    )
    for number in range(SCENARIOS):
        text = SCENARIO.format(number=number)
        (folder / f"n{number}.scenario.yaml").write_text(text)


def _survey(folder: Path) -> float:
    from resilience.config.fleet import members
    from resilience.config.settings import Settings
    from resilience.harness.fleet.survey import survey

    settings = Settings(
        fleet=str(folder / "fleet.toml"), kubeconfig=str(folder / "kubeconfig"), root=folder
    )
    began = time.perf_counter()
    assert survey(members(settings)) == []
    return time.perf_counter() - began


def _collect(folder: Path) -> float:
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q",
         "--resilience-fleet=fleet.toml", "--resilience-kubeconfig=kubeconfig"],
        cwd=folder, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return time.perf_counter() - began


def _report(size: int) -> tuple[float, float]:
    """Seconds, and megabytes of all files."""
    from dataclasses import replace

    from resilience.report import rendered
    from tests.report.made import record

    one = record(broken=False)
    runs = [
        replace(
            one,
            scenario=replace(one.scenario, id=f"s{number}"),
            environment={**one.environment, "member": f"c{member:04}"},
        )
        for member in range(size)
        for number in range(SCENARIOS)
    ]
    began = time.perf_counter()
    files = rendered(runs, time.time())
    return time.perf_counter() - began, sum(map(len, files.values())) / 1e6
