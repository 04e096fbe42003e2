"""Random accidents for a while, and what must be the same afterwards.

`python -m tests.sandbox.soak SECONDS [SEED]` runs it for long and tells the memory every
minute; the test runs it shortly.
"""

from __future__ import annotations

import errno
import json
import os
import random
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from resilience.cluster.interface import NODES, PODS, SERVICES
from resilience.sandbox.host import processes
from resilience.sandbox.host.ports import needed_shift, published
from tests.sandbox.running import AGNHOST, RunningSandbox, sandbox, wait_for

PARTS = ("reaper", "apiserver", "zygote", "kubelet", "dataplane")
NAMES = ("node-1", "node-2", "node-3")
MOST_REPLICAS = 6
CONNECTIONS = 50
PAGE = os.sysconf("SC_PAGE_SIZE")


def deployment() -> dict[str, Any]:
    """A service that ends quickly and is probed often."""
    labels = {"app": "soak"}
    container = {
        "name": "web",
        "image": AGNHOST,
        "args": ["netexec"],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8080}, "periodSeconds": 1},
        "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
    }
    pod = {
        "containers": [container],
        "volumes": [{"name": "scratch", "emptyDir": {}}],
        "terminationGracePeriodSeconds": 1,
        "tolerations": [{"operator": "Exists"}],
    }
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"replicas": 3, "selector": {"matchLabels": labels}, "template": template}
    meta = {"name": "soak"}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}


class Soak:
    """Acts on one sandbox; `seed` makes a run repeatable."""

    def __init__(self, running: RunningSandbox, seed: int) -> None:
        self._running = running
        self._random = random.Random(seed)
        service = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "soak"},
            "spec": {"selector": {"app": "soak"}, "ports": [{"port": 80, "targetPort": 8080}]},
        }
        items = {"apiVersion": "v1", "kind": "List", "items": [deployment(), service]}
        running.kubectl("apply", "--validate=false", "-f", "-", stdin=json.dumps(items))

    def act(self) -> None:
        """One random accident."""
        self._random.choice(
            [self._scale, self._delete, self._force, self._crash, self._restart, self._lose_node,
             self._connect]
        )()  # fmt: skip

    def _pods(self) -> list[str]:
        found = self._running.cluster.list(PODS, "default", labels="app=soak")
        return [pod["metadata"]["name"] for pod in found if "containerStatuses" in pod["status"]]

    def _one(self) -> str:
        return str(self._random.choice(wait_for(self._pods, "there is a Pod")))

    def _scale(self) -> None:
        replicas = self._random.randint(1, MOST_REPLICAS)
        self._running.kubectl("scale", "deployment/soak", f"--replicas={replicas}")

    def _delete(self) -> None:
        self._running.kubectl("delete", "pod", self._one(), "--wait=false", "--ignore-not-found")

    def _force(self) -> None:
        self._running.kubectl(
            "delete", "pod", self._one(), "--force", "--grace-period=0", "--ignore-not-found"
        )

    def _crash(self) -> None:
        self._running.fault("crash", (200, 404, 409), namespace="default", pod=self._one())

    def _restart(self) -> None:
        # Not `rollout restart`: kubectl refuses a second one within a second.
        stamp = {"annotations": {"restarted": str(self._random.random())}}
        patch = json.dumps({"spec": {"template": {"metadata": stamp}}})
        self._running.kubectl("patch", "deployment", "soak", "-p", patch)

    def _lose_node(self) -> None:
        node = self._random.choice(NAMES)
        state = self._random.choice(("dead", "kubelet-stopped"))
        self._running.fault("node", name=node, state=state)
        self._running.fault("node", name=node, state="running")

    def _address(self) -> tuple[str, int]:
        """Where the Service's clients connect."""
        service = self._running.cluster.get(SERVICES, "soak", "default")
        return str(service["spec"]["clusterIP"]), published(80, needed_shift())

    def _is_closed(self) -> bool:
        """Whether the Service has no listener, as without endpoints."""
        with socket.socket() as client:
            client.settimeout(1)
            return client.connect_ex(self._address()) == errno.ECONNREFUSED

    def _connect(self) -> None:
        """Many short connections through the Service; whether someone answers is chance."""
        address = self._address()
        for _ in range(CONNECTIONS):
            with suppress(OSError), socket.socket() as client:
                client.settimeout(1)
                client.connect(address)
                client.sendall(b"GET /echo?msg=x HTTP/1.0\r\n\r\n")
                while client.recv(4096):
                    pass

    def calm(self) -> dict[str, Any]:
        """Scale to nothing, wait until nothing runs, and tell what is held then."""
        self._running.kubectl("scale", "deployment/soak", "--replicas=0")
        zygote = self._running.process("zygote")
        wait_for(lambda: not self._running.cluster.list(PODS, "default"), "no Pod is left", 60)
        wait_for(lambda: not processes.children(zygote), "no process of a Pod is left", 60)
        pods = self._running.directory / "pods"
        wait_for(lambda: not list(pods.iterdir()), "no directory of a Pod is left")
        wait_for(lambda: not self._running.held()["pods"], "the kubelet has forgotten every Pod")
        wait_for(self._is_closed, "the Service has no listener")
        pids = {name: self._running.process(name) for name in PARTS}
        wait_for(lambda: _descriptors(pids["dataplane"]) < 64, "connections are closed")
        return {
            "processes": len(self._running.everything()),
            "addresses": self._running.held()["addresses"],
            "listening": _listening(self._slot()),
            "descriptors": {name: _descriptors(pid) for name, pid in pids.items()},
            "memory": self.memory(),
        }

    def memory(self) -> dict[str, int]:
        """MiB of each part now."""
        return {name: _resident(self._running.process(name)) >> 20 for name in PARTS}

    def _slot(self) -> int:
        """The second octet of the sandbox's addresses."""
        node = self._running.cluster.get(NODES, NAMES[0])
        return int(node["status"]["addresses"][0]["address"].split(".")[1])


def _listening(slot: int) -> int:
    """TCP listeners and UDP sockets at the sandbox's addresses, the Pods' loopback twins too."""
    ends = tuple(f"{octet:02X}7F" for octet in (slot, slot + 128))
    found = 0
    for protocol, state in (("tcp", "0A"), ("udp", "07")):
        with open(f"/proc/net/{protocol}") as file:
            rows = [line.split() for line in file][1:]
        found += sum(row[1].split(":")[0].endswith(ends) and row[3] == state for row in rows)
    return found


def _descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def _resident(pid: int) -> int:
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * PAGE


def soak(
    seconds: float, seed: int, tell: Callable[[dict[str, int]], None] = lambda memory: None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is held after a short warm-up, and after `seconds` of accidents; `tell` hears of the
    memory every minute."""
    with sandbox() as running:
        soaking = Soak(running, seed)
        for _ in range(10):
            soaking.act()
        before = soaking.calm()
        running.kubectl("scale", "deployment/soak", "--replicas=3")
        now = time.monotonic()
        end, next_tell = now + seconds, now
        while now < end:
            if now >= next_tell:
                tell(soaking.memory())
                next_tell += 60
            soaking.act()
            now = time.monotonic()
        return before, soaking.calm()


if __name__ == "__main__":
    wanted = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    for moment in soak(float(sys.argv[1]), wanted, lambda memory: print(memory, flush=True)):
        print(json.dumps(moment))
