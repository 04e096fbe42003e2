"""Targets that misbehave, as a user meets them: a clear result and a complete undo each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.harness.conftest import Run, _alone, embedded, on_sandbox, run  # noqa: F401
from tests.probes.kinds.trial import runs, web

pytestmark = pytest.mark.usefixtures("on_sandbox")

BAD = """
import socket, sys, threading, time
HTML = b"<html><body>Sign in</body></html>"
PAGE = b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(HTML)
def hang(made):
    made.recv(1)
    time.sleep(3600)
def drip(made):
    for byte in b"HTTP/1.1 200 OK\\r\\nContent-Length: 100000\\r\\n\\r\\n" + b"x" * 100000:
        made.sendall(bytes([byte]))
        time.sleep(1)
def pour(made):
    made.recv(4096)
    made.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 1073741824\\r\\n\\r\\n")
    for _ in range(1 << 14):
        made.sendall(b"x" * (1 << 16))
def html(made):
    made.recv(65536)
    made.sendall(PAGE + HTML)
    made.shutdown(socket.SHUT_WR)
def locked(made):
    while made.recv(4096):
        made.sendall(b"-NOAUTH Authentication required.\\r\\n" * 3)
BEHAVE = globals()[sys.argv[1]]
def serve(made):
    try:
        BEHAVE(made)
    except OSError:
        pass
    made.close()
server = socket.create_server(("", 8080))
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"""

TRIED = {
    "hang": ("http: {service: web, port: http, timeout: 3s}", "timed out"),
    "drip": ("http: {service: web, port: http, timeout: 3s}", "timed out"),
    "tls": ("http: {service: web, port: http, scheme: https, timeout: 5s}", "TLS failed"),
    "pour": ("http: {service: web, port: http, contains: never, timeout: 20s}", "wrong body"),
    "locked": ("redis: {service: web, port: http, timeout: 5s}", "name one by `password:"),
    "journey": ("journey: {service: web, port: http, timeout: 3s,"
                " steps: [{name: look, path: /}]}", "timed out"),
    "grpc": ("grpc: {service: web, port: http, timeout: 5s}", "UNAVAILABLE"),
    "sql": ("sql: {service: web, port: http, timeout: 5s}", "received invalid response"),
}  # fmt: skip
"""What the server does, or stands for; the question; and words of the result."""

MODE = {"tls": "html", "journey": "drip", "grpc": "html", "sql": "html"}


def asked(folder: Path, name: str, question: str) -> None:
    """A scenario that begins with this question."""
    manifest = web(replicas=1, image="python:3.12-slim", args=[],
                   command=["python", "-c", BAD, MODE.get(name, name)])  # fmt: skip
    (folder / f"{name}.yaml").write_text(manifest)
    told = {
        "scenario": name, "namespace": name, "settle": "10ms",
        "given": [{"apply": f"{name}.yaml"}, {"ready": "all"},
                  {**yaml.safe_load(question), "within": "1s"}],
        "when": [{"sleep": "10ms"}], "then": [{"ready": "all"}],
    }  # fmt: skip
    (folder / f"{name}.scenario.yaml").write_text(yaml.safe_dump(told, sort_keys=False))


def test_each_bad_target_has_a_clear_result_and_leaves_nothing(
    pytester: pytest.Pytester,
    run: Run,  # noqa: F811
) -> None:
    for name, (question, _) in TRIED.items():
        asked(pytester.path, name, question)
    result = run("--resilience-report=report", timeout=300)
    result.assert_outcomes(failed=len(TRIED))
    text = result.stdout.str()
    assert "Traceback" not in text
    told = runs(pytester.path)
    assert {name: each["outcome"] for name, each in told.items()} == dict.fromkeys(
        TRIED, "not measured"
    )
    assert {name: each["leftovers"] for name, each in told.items()} == {n: [] for n in TRIED}
    silent = {name: json.dumps(told[name]["steps"])[-900:] for name, (_, words) in TRIED.items()
              if words not in json.dumps(told[name])}  # fmt: skip
    assert silent == {}
