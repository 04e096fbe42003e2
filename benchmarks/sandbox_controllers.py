"""The controllers and the scheduler alone: CPU for many Pods, and the longest hold of the loop.

No processes, no HTTP: the registry, the controllers and virtual time. What is measured is what one
core spends between "Deployments created" and "every Pod has a node" (and then "is Running").
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from typing import Any, Final

from benchmarks import Row, milliseconds
from resilience.sandbox.apiserver.registry.registry import Registry
from resilience.sandbox.controllers.manager import Manager
from resilience.sandbox.host.sandbox_clock import VirtualClock, stamp

NODES: Final = 1000
PODS: Final = 10_000


def measure() -> Iterator[Row]:
    """Many Deployments, then one large one."""
    for each in (100, 5000):
        placed, ran, longest = _round(each)
        yield Row(
            what=f"{PODS} Pods of {PODS // each} Deployments made and placed on {NODES} nodes",
            measured=f"{placed:.1f} s CPU, then {ran:.1f} s until all are Running",
            reach="20 s",
        )
        yield Row(
            what="longest hold of the loop meanwhile (collector of garbage off)",
            measured=milliseconds(longest),
            reach="50 ms",
        )


class _Slices(VirtualClock):
    """Times every callback that the loop would have run."""

    longest = 0.0

    def call_later(self, delay: float, callback: Any) -> Any:
        def timed() -> None:
            began = time.perf_counter()
            callback()
            self.longest = max(self.longest, time.perf_counter() - began)

        return super().call_later(delay, timed)


def _round(each: int) -> tuple[float, float, float]:
    gc.disable()
    try:
        clock = _Slices()
        api = Registry(clock)
        manager = Manager(api, clock)
        manager.start()
        for number in range(NODES):
            _node(api, f"n{number}")
        clock.advance(1)
        began = time.process_time()
        for number in range(PODS // each):
            api.create(api.resource("deployments", "apps"), _deployment(f"d{number}", each))
        clock.advance(20)
        placed = time.process_time() - began
        began = time.process_time()
        _run_all(api, clock)
        ran = time.process_time() - began
        manager.stop()
        return placed, ran, clock.longest
    finally:
        gc.enable()


def _node(api: Registry, name: str) -> None:
    kind = api.resource("nodes")
    size = {"cpu": "64", "memory": "256Gi", "pods": "110"}
    labels = {"kubernetes.io/hostname": name}
    status = {"capacity": size, "allocatable": size}
    made = api.create(
        kind,
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": labels},
            "status": status,
        },
    )
    now = stamp(api.clock.now())
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": now}
    api.update(kind, {**made, "status": {**status, "conditions": [ready]}}, "status")


def _deployment(name: str, replicas: int) -> dict[str, Any]:
    containers = [{"name": "app", "image": "registry.k8s.io/pause:3.10"}]
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": containers}}
    selector = {"matchLabels": {"app": name}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"replicas": replicas, "selector": selector, "template": template},
    }


def _run_all(api: Registry, clock: VirtualClock) -> None:
    kind = api.resource("pods")
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": stamp(clock.now())}
    for number, pod in enumerate(api.list(kind)):
        conditions = [*(pod["status"].get("conditions") or ()), ready]
        status = {**pod["status"], "phase": "Running", "podIP": "127.0.40.1"}
        api.update(kind, {**pod, "status": {**status, "conditions": conditions}}, "status")
        if number % 20 == 0:
            clock.advance(0.02)
    clock.advance(10)
