"""A thousand nodes and ten thousand `pause` Pods on the sandbox: time and memory."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import Row
from resilience.cluster.interface import REPLICASETS
from tests.sandbox.running import RunningSandbox, comm, sandbox, wait_for

NODES = 1000
PODS = 10000
PAGE = os.sysconf("SC_PAGE_SIZE")


def measure() -> Iterator[Row]:
    """From the first object sent to all Pods Ready, through the API."""
    with sandbox() as running:
        began = time.perf_counter()
        _create_nodes(running)
        _create_pods(running)
        wait_for(lambda: _ready(running) == PODS, "all Pods are Ready", 300)
        taken = time.perf_counter() - began
        memory = {comm(pid): _resident(pid) for pid in running.everything()}
        yield Row(
            what=f"{NODES} nodes and {PODS} pause Pods, created to Running",
            measured=f"{taken:.1f} s",
            reach="60 s",
        )
        each = ", ".join(f"{name} {size >> 20}" for name, size in sorted(memory.items()))
        yield Row(
            what="memory of all its processes then",
            measured=f"{sum(memory.values()) >> 20} MiB",
            reach="1 GB",
            beside=each,
        )


def _create_nodes(running: RunningSandbox) -> None:
    nodes = [
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": f"sim-{number}"}}
        for number in range(NODES)
    ]
    items = {"apiVersion": "v1", "kind": "List", "items": nodes}
    running.kubectl("create", "--validate=false", "-f", "-", stdin=json.dumps(items))


def _create_pods(running: RunningSandbox) -> None:
    labels = {"app": "many"}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "main", "image": "registry.k8s.io/pause:3.10"}]},
    }
    spec = {"replicas": PODS, "selector": {"matchLabels": labels}, "template": template}
    many = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "many"}}
    running.kubectl(
        "create", "--validate=false", "-f", "-", stdin=json.dumps({**many, "spec": spec})
    )


def _ready(running: RunningSandbox) -> int:
    time.sleep(0.5)  # so that asking does not become the load
    found = running.cluster.get(REPLICASETS, "many", "default")
    return int(found["status"].get("readyReplicas", 0))


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
