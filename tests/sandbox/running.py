"""Starting real sandboxes for tests, and waiting for conditions with a deadline.

Conditions are asked in a loop, of the API server itself: a kubectl each time took more processor
time than the sandbox that it asked.
"""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from resilience.cluster import connect
from resilience.cluster.access.access import plain
from resilience.cluster.errors import NotFound
from resilience.cluster.interface import ENDPOINTSLICES, EVENTS, PODS
from resilience.cluster.transport import HttpCluster
from resilience.sandbox.host import processes

DEADLINE = 60.0
BETWEEN = 0.02
"""Seconds between two looks."""


def wait_for(condition: Callable[[], Any], what: str, deadline: float = DEADLINE) -> Any:
    """The first true value of `condition`; fails with `what` when there is none in time."""
    end = time.monotonic() + deadline
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"not within {deadline} s: {what}"
        time.sleep(BETWEEN)


@dataclass
class RunningSandbox:
    """A sandbox started by `up --owner-stdin`."""

    owner: subprocess.Popen[str]
    ready: dict[str, Any]
    cluster: HttpCluster

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
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fault(
        self, fault: str, expected: tuple[int, ...] = (200,), /, **body: str
    ) -> dict[str, Any]:
        """Ask the kubelet for a fault; fails with what it refuses unexpectedly."""
        return self._kubelet(expected, "POST", f"faults/{fault}", json.dumps(body))

    def held(self) -> dict[str, Any]:
        """What the kubelet holds for Pods."""
        return self._kubelet((200,), "GET", "held")

    def _kubelet(
        self, expected: tuple[int, ...], method: str, path: str, body: str = ""
    ) -> dict[str, Any]:
        connection = http.client.HTTPConnection("kubelet")
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.connect(str(self.directory / "kubelet.sock"))
        try:
            connection.request(method, f"/sandbox/v1/{path}", body)
            answer = connection.getresponse()
            found: dict[str, Any] = json.loads(answer.read())
        finally:
            connection.close()
        assert answer.status in expected, found
        return found

    def process(self, name: str) -> int:
        """Process id of one part: reaper, apiserver, zygote, kubelet, dataplane."""
        # Not deeper: a Pod that was forked a moment ago still bears the zygote's name.
        reapers = processes.children(self.owner.pid)
        below = [*reapers, *(pid for reaper in reapers for pid in processes.children(reaper))]
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
def sandbox(*arguments: str, under: tuple[str, ...] = ()) -> Iterator[RunningSandbox]:
    """A sandbox for the time of the block, started `under` another command."""
    owner = subprocess.Popen(
        [*under, sys.executable, "-m", "resilience.sandbox", "up", "--owner-stdin", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert owner.stdin is not None
    assert owner.stdout is not None
    assert owner.stderr is not None
    try:
        line = owner.stdout.readline()
        if not line:
            raise AssertionError(owner.stderr.read())
        ready = json.loads(line)
        access = plain(Path(ready["kubeconfig"]))
        assert access is not None
        with connect(replace(access, sandbox=True)) as cluster:
            yield RunningSandbox(owner, ready, cluster)
    finally:
        owner.stdin.close()
        try:
            owner.wait(DEADLINE)
        finally:
            owner.kill()
            owner.wait()
            owner.stdout.close()
            owner.stderr.close()


AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.53"


def netexec(*arguments: str) -> dict[str, Any]:
    """A container of an HTTP server on 8080; its Pod is ready only when it answers."""
    probe = {"httpGet": {"path": "/readyz", "port": 8080}, "periodSeconds": 1}
    return {"image": AGNHOST, "args": ["netexec", *arguments], "readinessProbe": probe}


class Pods:
    """Makes Pods in a namespace of its own and looks at them."""

    def __init__(self, running: RunningSandbox, namespace: str) -> None:
        self.sandbox = running
        self.namespace = namespace

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """kubectl in this namespace."""
        return self.sandbox.kubectl("-n", self.namespace, *arguments, stdin=stdin)

    def apply(self, *objects: dict[str, Any]) -> None:
        """Apply objects."""
        items = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.kubectl("apply", "--validate=false", "-f", "-", stdin=json.dumps(items))

    def run(self, name: str, program: str = "", **more: Any) -> None:
        """Make a Pod of one container `main`; `program` is Python, other keys are the spec's.

        Keys of the container go under `main`.
        """
        main: dict[str, Any] = {"name": "main", "image": "python:3"}
        if program:
            main["command"] = ["python3", "-u", "-c", program]
        main.update(more.pop("main", {}))
        labels = {"app": name, **more.pop("labels", {})}
        spec = {"terminationGracePeriodSeconds": 1, "containers": [main], **more}
        self.apply(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name, "labels": labels},
                "spec": spec,
            }
        )

    def get(self, name: str) -> dict[str, Any]:
        """The Pod now."""
        return self.sandbox.cluster.get(PODS, name, self.namespace)

    def status(self, name: str, container: str = "main") -> dict[str, Any]:
        """One container's status."""
        status = self.get(name)["status"]
        every = status.get("containerStatuses", []) + status.get("initContainerStatuses", [])
        found: dict[str, Any] = next((c for c in every if c["name"] == container), {})
        return found

    def until(self, name: str, condition: Callable[[dict[str, Any]], Any], what: str) -> Any:
        """Wait until `condition` of the Pod holds."""
        return wait_for(lambda: condition(self.get(name)), f"Pod {name}: {what}")

    def until_ready(self, name: str) -> dict[str, Any]:
        """Wait until the Pod is Ready; returns it."""
        self.until(name, is_ready, "is Ready")
        return self.get(name)

    def until_gone(self, name: str) -> None:
        """Wait until there is no Pod of that name."""

        def gone() -> bool:
            try:
                self.get(name)
            except NotFound:
                return True
            return False

        wait_for(gone, f"{name} is gone")

    def phase(self, name: str) -> str:
        """Wait for a terminal phase."""
        terminal = ("Succeeded", "Failed")
        self.until(name, lambda pod: pod["status"].get("phase") in terminal, "is terminal")
        return str(self.get(name)["status"]["phase"])

    def events(self, name: str) -> list[tuple[str, str]]:
        """(reason, message) of all Events about a Pod."""
        return [
            (event["reason"], event["message"])
            for event in self.sandbox.cluster.list(EVENTS, self.namespace)
            if event["involvedObject"]["name"] == name
        ]

    def until_event(self, name: str, reason: str, message: str) -> None:
        """Wait for an Event about a Pod: it may come after what it tells of."""
        wait_for(lambda: (reason, message) in self.events(name), f"{name} has the Event {reason}")

    def until_endpoint(self, service: str, condition: str) -> None:
        """Wait until an endpoint of the Service has that condition."""

        def has() -> bool:
            label = f"kubernetes.io/service-name={service}"
            found = self.sandbox.cluster.list(ENDPOINTSLICES, self.namespace, labels=label)
            each = [point for one in found for point in one.get("endpoints") or ()]
            return any((point.get("conditions") or {}).get(condition) for point in each)

        wait_for(has, f"an endpoint of {service} is {condition}")

    def crash(self, name: str) -> None:
        """End the Pod's processes from outside, at once."""
        self.sandbox.fault("crash", namespace=self.namespace, pod=name)

    def logs(self, name: str, *arguments: str) -> str:
        """kubectl logs."""
        return self.kubectl("logs", name, *arguments)


def is_ready(pod: dict[str, Any]) -> bool:
    """Whether the Pod has condition Ready."""
    conditions = pod["status"].get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
