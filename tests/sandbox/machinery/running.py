"""Starting real sandboxes for tests, and waiting for conditions with a deadline."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resilience.sandbox import processes

DEADLINE = 20.0


def wait_for(condition: Callable[[], Any], what: str, deadline: float = DEADLINE) -> Any:
    """The first true value of `condition`; fails with `what` when there is none in time."""
    end = time.monotonic() + deadline
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"not within {deadline} s: {what}"
        time.sleep(0.01)


@dataclass
class RunningSandbox:
    """A sandbox started by `up --owner-stdin`."""

    owner: subprocess.Popen[str]
    ready: dict[str, Any]

    @property
    def directory(self) -> Path:
        """The sandbox's directory."""
        return Path(self.ready["directory"])

    @property
    def id(self) -> str:
        """The sandbox's id."""
        return str(self.ready["id"])

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """kubectl's output; fails with its complaint."""
        done = subprocess.run(
            ["kubectl", "--kubeconfig", self.ready["kubeconfig"], *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def get(self, *arguments: str) -> dict[str, Any]:
        """`kubectl get ... -o json`."""
        found: dict[str, Any] = json.loads(self.kubectl("get", *arguments, "-o", "json"))
        return found

    def process(self, name: str) -> int:
        """Process id of one part: reaper, apiserver, zygote, kubelet, dataplane."""
        below = processes.descendants(self.owner.pid)
        found = [pid for pid in below if comm(pid) == f"rs-{name}"]
        assert len(found) == 1, (name, [(pid, comm(pid)) for pid in below])
        return found[0]

    def everything(self) -> list[int]:
        """Every process of the sandbox."""
        return [self.owner.pid, *processes.descendants(self.owner.pid)]

    def is_gone(self) -> bool:
        """No process and no directory is left."""
        return not self.directory.exists() and not processes.marked(self.id)


def comm(pid: int) -> str:
    """The process' name, "" when it is gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


@contextmanager
def sandbox(*arguments: str, environment: dict[str, str] | None = None) -> Iterator[RunningSandbox]:
    """A sandbox for the time of the block."""
    owner = subprocess.Popen(
        [sys.executable, "-m", "resilience.sandbox", "up", "--owner-stdin", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    assert owner.stdin is not None
    assert owner.stdout is not None
    assert owner.stderr is not None
    try:
        line = owner.stdout.readline()
        if not line:
            raise AssertionError(owner.stderr.read())
        yield RunningSandbox(owner, json.loads(line))
    finally:
        owner.stdin.close()
        try:
            owner.wait(DEADLINE)
        finally:
            owner.kill()
            owner.wait()
            owner.stdout.close()
            owner.stderr.close()
