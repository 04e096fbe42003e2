"""One sandbox for a module of tests, and a pytest in the background that can be sent signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Self

from resilience.cluster.errors import NotFound
from resilience.cluster.interface import CONFIGMAPS
from resilience.cluster.transport import HttpCluster

INSTALLED = any(point.value == "resilience.plugin" for point in entry_points(group="pytest11"))

MANIFEST = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: mark}\ndata: {a: b}\n"

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "quiet"},
    "spec": {"containers": [{"name": "c", "image": "registry.k8s.io/pause:3.10"}]},
}

DEADLINE = 180.0


def is_ready(pod: dict[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any((one["type"], one["status"]) == ("Ready", "True") for one in conditions)


def exists(cluster: HttpCluster) -> bool:
    try:
        cluster.get(CONFIGMAPS, "mark", "default")
    except NotFound:
        return False
    return True


class Inner:
    """A pytest in the background, to be sent signals."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        ours = [] if INSTALLED else ["-p", "resilience.plugin"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *ours, *arguments],
            cwd=directory,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.output = ""

    def wait_changed(self, cluster: HttpCluster) -> None:
        with cluster.view(CONFIGMAPS, "default") as view:
            assert view.wait(lambda objects: any(named(o) for o in objects), DEADLINE)

    def send(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    def press(self, number: signal.Signals, times: int) -> None:
        """A person who presses twice a second, unless it ends first."""
        for _ in range(times):
            self.send(number)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(0.5)
                return

    def end(self) -> int:
        self.output, _ = self.process.communicate(timeout=DEADLINE)
        return self.process.returncode

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def named(obj: dict[str, dict[str, str]]) -> bool:
    return obj["metadata"]["name"] == "mark"
