"""Nodes: registers the sandbox's own, adopts those that clients create, renews their Leases.

A Node that a client creates without a status becomes one of the sandbox's, so that a thousand nodes
are one `kubectl create` away. Leases have their own connection and are renewed in batches: however
busy the kubelet is with Pods, no node may count as lost because of that.
"""

from __future__ import annotations

import asyncio
import platform
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from resilience.sandbox.host.sandbox_config import KUBERNETES_VERSION, SandboxConfig
from resilience.sandbox.kube.api import ApiError, EventType, Obj
from resilience.sandbox.kubelet.base.kubelet_clock import WallClock
from resilience.sandbox.wire.api_client import MERGE, STRATEGIC, BatchRequest, Client

RENEW = 10.0
TICKS = 10
"""All Leases are renewed in this many portions, spread over the period."""
BATCH = 20
"""Number of Leases renewed by one write, which takes the API server a few milliseconds."""
LEASE_SECONDS = 40
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
CAPACITY = {"cpu": "8", "memory": "32Gi", "ephemeral-storage": "200Gi", "pods": "110"}
_HEALTHY = (
    (
        "MemoryPressure",
        "False",
        "KubeletHasSufficientMemory",
        "kubelet has sufficient memory available",
    ),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


class Nodes:
    """All nodes of the sandbox by name."""

    def __init__(
        self, config: SandboxConfig, client: Client, beats: Client, clock: WallClock
    ) -> None:
        self._config = config
        self._client = client
        self._beats = beats
        self._clock = clock
        self._known: dict[str, Obj] = {}
        self._index: dict[str, int] = {f"node-{n + 1}": n for n in range(config.nodes)}
        self._tasks: set[asyncio.Task[None]] = set()
        self._started = asyncio.Event()
        self.stopped: set[str] = set()
        """Nodes whose kubelet is stopped (a fault): neither Leases nor status are written."""
        self.on_added: Callable[[str], None] = lambda name: None
        self.on_usable: Callable[[], None] = lambda: None

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def address(self, name: str) -> str:
        """InternalIP of a node; every name gets its own, for as long as the sandbox lives."""
        index = self._index.setdefault(name, len(self._index))
        return self._config.node_address(index)

    def allocatable(self, name: str) -> dict[str, str]:
        """Resources of a node."""
        status = self._known.get(name, {}).get("status", {})
        return dict(status.get("allocatable") or CAPACITY)

    def node(self, name: str) -> Obj:
        """The node as it was last seen, with its resources."""
        known = self._known.get(name, {"metadata": {"name": name}})
        status = {**known.get("status", {}), "allocatable": self.allocatable(name)}
        return {**known, "status": status}

    def running(self) -> set[str]:
        """Names of the nodes whose kubelet is not stopped."""
        return self._known.keys() - self.stopped

    async def register(self) -> None:
        """Create the sandbox's own nodes, ready from the start."""
        for name in list(self._index):
            await self._create(name)

    async def _create(self, name: str) -> None:
        node = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": _labels(name)},
            "spec": {},
        }
        try:
            await self._client.create("/api/v1/nodes", node)
        except ApiError as error:
            if error.code != 409:
                raise

    def on_change(self, kind: EventType, node: Obj, old: Obj | None) -> None:
        """For the reflector: adopt new nodes, notice when the sandbox's own have become usable."""
        name = node["metadata"]["name"]
        if kind == "DELETED":
            self._known.pop(name, None)
            return
        new = name not in self._known
        self._known[name] = node
        if new:
            self._spawn(self._adopt(name, node))
            self.on_added(name)
        self.on_usable()

    def start(self, name: str) -> None:
        """End of a fault: report the node's status at once, as a starting kubelet does."""
        self.stopped.discard(name)
        self._spawn(self._beat([name], report=True))
        self._started.set()
        self._started.clear()

    async def until_running(self, name: str) -> None:
        """Return when the node's kubelet is running."""
        while name in self.stopped:
            await self._started.wait()

    def usable(self) -> bool:
        """Whether every node of the sandbox's own is Ready and schedulable."""
        own = [f"node-{n + 1}" for n in range(self._config.nodes)]
        return all(name in self._known and _is_usable(self._known[name]) for name in own)

    def _spawn(self, body: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(body)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _adopt(self, name: str, node: Obj) -> None:
        try:
            await self._create_lease(name)
            await self._client.patch(f"/api/v1/nodes/{name}/status", self._status(name, node))
        except (ApiError, ConnectionError, FileNotFoundError):
            self._known.pop(name, None)  # the node's next change retries

    def _status(self, name: str, node: Obj) -> Obj:
        now = self._clock.stamp()
        given = node.get("status") or {}
        since = {
            (each["type"], each["status"]): each.get("lastTransitionTime")
            for each in given.get("conditions") or ()
        }
        capacity = given.get("capacity") or CAPACITY
        conditions = [
            {
                "type": kind,
                "status": status,
                "reason": reason,
                "message": message,
                "lastHeartbeatTime": now,
                "lastTransitionTime": since.get((kind, status)) or now,
            }
            for kind, status, reason, message in _HEALTHY
        ]
        addresses = [
            {"type": "InternalIP", "address": self.address(name)},
            {"type": "Hostname", "address": name},
        ]
        return {
            "status": {
                "addresses": addresses,
                "capacity": capacity,
                "allocatable": given.get("allocatable") or capacity,
                "conditions": conditions,
                "nodeInfo": _node_info(name),
            }
        }

    async def heartbeat(self) -> None:
        """Renew every Lease each ten seconds, evenly spread, until cancelled."""
        period = self._clock.real(RENEW)
        loop = asyncio.get_running_loop()
        waiting: deque[str] = deque()
        last, credit = loop.time(), 0.0
        while True:
            await asyncio.sleep(period / TICKS)
            # Based on elapsed time, not on time slept, so that a delayed renewal catches up.
            credit += (loop.time() - last) / period * len(self._known)
            last = loop.time()
            credit = min(credit, float(len(self._known)))
            while credit >= 1:
                waiting = waiting or deque(sorted(self._known))
                names = [waiting.popleft() for _ in range(min(len(waiting), int(credit), BATCH))]
                credit -= len(names)
                await self._beat(names)

    async def _beat(self, names: list[str], *, report: bool = False) -> None:
        """Renew these Leases; failures are retried at the next beat, as in the kubelet. `report`:
        send their status even if it is the same."""
        names = [name for name in names if name in self._known and name not in self.stopped]
        try:
            answers = await self._beats.batch([self._renewal(name) for name in names])
            for name, answer in zip(names, answers, strict=True):
                if isinstance(answer, ApiError) and answer.code == 404:
                    await self._create_lease(name)
            # Considered lost (a fault, a long pause of the host): report that they are back.
            known = [name for name in names if name in self._known]
            lost = [name for name in known if report or not _is_ready(self._known[name])]
            await self._beats.batch([self._return(name) for name in lost])
        except (ApiError, ConnectionError, FileNotFoundError):
            pass

    def _renewal(self, name: str) -> BatchRequest:
        return BatchRequest("PATCH", f"{LEASES}/{name}", {"spec": self._lease_spec(name)}, MERGE)

    def _return(self, name: str) -> BatchRequest:
        status = self._status(name, self._known[name])
        return BatchRequest("PATCH", f"/api/v1/nodes/{name}/status", status, STRATEGIC)

    def _lease_spec(self, name: str) -> Obj:
        return {
            "holderIdentity": name,
            "leaseDurationSeconds": LEASE_SECONDS,
            "renewTime": self._clock.stamp_micro(),
        }

    async def _create_lease(self, name: str) -> None:
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": name, "namespace": "kube-node-lease"},
            "spec": self._lease_spec(name),
        }
        try:
            await self._client.create(LEASES, lease)
        except ApiError as error:
            if (
                error.code != 409
            ):  # a Lease of an earlier node with that name, which is renewed soon
                raise


def _is_ready(node: Obj) -> bool:
    conditions = node.get("status", {}).get("conditions") or []
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _is_usable(node: Obj) -> bool:
    taints = node["spec"].get("taints") or []
    return _is_ready(node) and not any(t["key"] == "node.kubernetes.io/not-ready" for t in taints)


def _architecture() -> str:
    machine = platform.machine()
    return ARCHITECTURES.get(machine, machine)


def _labels(name: str) -> dict[str, str]:
    return {
        "beta.kubernetes.io/arch": _architecture(),
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": _architecture(),
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
    }


def _node_info(name: str) -> Obj:
    return {
        "architecture": _architecture(),
        "bootID": name,
        "containerRuntimeVersion": "sandbox://0.1",
        "kernelVersion": platform.release(),
        "kubeProxyVersion": "",
        "kubeletVersion": KUBERNETES_VERSION,
        "machineID": name,
        "operatingSystem": "linux",
        "osImage": "pytest-resilience sandbox",
        "systemUUID": name,
    }
