"""The embedded sandbox: start, apply to Ready, and what a Service's forwarder costs."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from benchmarks import Row, median_of, milliseconds, percentile
from tests.sandbox.running import AGNHOST, RunningSandbox, sandbox

CONNECTIONS = 1000
REPLICAS = 3


def measure() -> Iterator[Row]:
    """Everything through the command and kubectl, as a user starts it."""
    started = median_of(5, _start)
    bare = median_of(5, lambda: _seconds([sys.executable, "-c", "import aiohttp.web"]))
    yield Row(
        what="start to 3 nodes Ready and kubeconfig written",
        measured=milliseconds(started),
        reach="1 s",
        beside=f"importing its web server alone {milliseconds(bare)}",
        ratio=started / bare,
    )
    with sandbox() as running:
        ready = median_of(5, lambda: _apply_to_ready(running))
        yield Row(
            what="apply of a 3-replica Deployment to all Ready", measured=milliseconds(ready),
            reach="500 ms",
        )  # fmt: skip
        yield from _forwarding(running)


def _start() -> float:
    began = time.perf_counter()
    with sandbox():
        return time.perf_counter() - began


def _seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, timeout=60)
    return time.perf_counter() - began


def _deployment() -> dict[str, Any]:
    labels = {"app": "bench"}
    probe = {"httpGet": {"path": "/readyz", "port": 8080}}
    container = {"name": "web", "image": AGNHOST, "args": ["netexec"], "readinessProbe": probe}
    spec = {
        "replicas": REPLICAS,
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
        },
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "bench"},
        "spec": spec,
    }


def _apply_to_ready(running: RunningSandbox) -> float:
    began = time.perf_counter()
    running.kubectl("apply", "-f", "-", stdin=json.dumps(_deployment()))
    running.kubectl("rollout", "status", "deployment/bench", "--timeout=30s")
    taken = time.perf_counter() - began
    running.kubectl("delete", "deployment", "bench", "--cascade=foreground", "--timeout=30s")
    return taken


def _forwarding(running: RunningSandbox) -> Iterator[Row]:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "bench"},
        "spec": {"selector": {"app": "bench"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }
    running.kubectl("apply", "-f", "-", stdin=json.dumps(service))
    running.kubectl("apply", "-f", "-", stdin=json.dumps(_deployment()))
    running.kubectl("rollout", "status", "deployment/bench", "--timeout=30s")
    pod = running.get("pods", "-l", "app=bench")["items"][0]["status"]["podIP"]
    address = running.get("service", "bench")["spec"]["clusterIP"]
    direct = _times(pod, 8080)
    through = _times(address, 80)
    for percent in (50, 99):
        beside = percentile(direct, percent)
        found = percentile(through, percent)
        yield Row(
            what=f"request on a new connection through a Service, p{percent}",
            measured=milliseconds(found),
            beside=f"straight to the Pod {milliseconds(beside)}",
            ratio=found / beside,
        )


def _times(address: str, port: int) -> list[float]:
    found = []
    for _ in range(CONNECTIONS):
        began = time.perf_counter()
        with socket.create_connection((address, port), 10) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            while connection.recv(65536):
                pass
        found.append(time.perf_counter() - began)
    return found
