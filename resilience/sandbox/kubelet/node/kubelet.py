"""Connects the parts of the kubelet: Pods by uid, the shared services they use, and what ends
everything."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import traceback
from collections.abc import Callable, Coroutine
from typing import Any

from resilience.sandbox.host.health import Health
from resilience.sandbox.host.ports import needed_shift
from resilience.sandbox.host.sandbox_config import ProcessArguments
from resilience.sandbox.kube.api import ApiError, EventType, Obj
from resilience.sandbox.kubelet.base import httpd
from resilience.sandbox.kubelet.base.kubelet_clock import WallClock
from resilience.sandbox.kubelet.base.pod_addresses import Addresses
from resilience.sandbox.kubelet.base.zygote_client import ZygoteClient
from resilience.sandbox.kubelet.node.node_leases import Nodes
from resilience.sandbox.kubelet.node.resync import PERIOD, TERMINAL, Strays
from resilience.sandbox.kubelet.node.status_writer import WORKERS, StatusWriter
from resilience.sandbox.kubelet.pod import admitting, resizing
from resilience.sandbox.kubelet.pod.memory_limits import MemoryWatch
from resilience.sandbox.kubelet.pod.pod import Pod
from resilience.sandbox.kubelet.pod.pod_events import Events
from resilience.sandbox.kubelet.setup.pod_volumes import reclaim
from resilience.sandbox.kubelet.setup.references import References
from resilience.sandbox.kubelet.setup.service_links import ServiceLinks
from resilience.sandbox.kubelet.streams.kubelet_server import KubeletServer
from resilience.sandbox.wire.api_client import Client
from resilience.sandbox.wire.reflector import Reflector

DELETE_RETRY = 0.5


class Kubelet:
    """One per sandbox; acts for every node."""

    def __init__(self, arguments: ProcessArguments, stream: socket.socket) -> None:
        self.config = arguments.config
        self._ready = arguments.ready
        self.clock = WallClock(self.config.started, self.config.time_scale)
        self._client = Client(self.config.api_socket, arguments.token, connections=12)
        self.references = References(self._client)
        self.links = ServiceLinks()
        self._services = Reflector(self._client, "/api/v1/services", self.links.seen)
        self.services_known = self._services.synced
        # Events have connections of their own: they must not delay a status write.
        self.events = Events(
            Client(self.config.api_socket, arguments.token, connections=1), self.clock
        )
        self.writer = StatusWriter(self._client)
        beats = Client(self.config.api_socket, arguments.token, connections=1)
        self.nodes = Nodes(self.config, self._client, beats, self.clock)
        self.addresses = Addresses(self.config.network)
        self.shift = needed_shift()
        self.health = Health(self.config.sick_file("kubelet"), "kubelet")
        self.health.attend(asyncio.get_running_loop())
        self.zygote = ZygoteClient(stream, self.health)
        self.pods: dict[str, Pod] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.writer.held = self.nodes.stopped.__contains__
        self.nodes.on_usable = self._tell_ready
        self.nodes.on_added = self._on_node_added
        self._homeless: dict[str, dict[str, Obj]] = {}

    async def run(self) -> None:
        """Serve until the zygote is gone."""
        self._server = await httpd.serve(
            str(self.config.kubelet_socket), KubeletServer(self).handle
        )
        self._pods = pods = Reflector(self._client, "/api/v1/pods", self._on_pod)
        volumes = Reflector(self._client, "/api/v1/persistentvolumes", self._on_volume)
        nodes = Reflector(self._client, "/api/v1/nodes", self.nodes.on_change)
        memory = MemoryWatch(self.pods)
        await self.nodes.register()
        for body in (
            volumes.run(),
            self._services.run(),
            nodes.run(),
            pods.run(),
            self.nodes.heartbeat(),
            self.events.run(),
            memory.run(),
            self._resync(),
        ):
            self._spawn(body)
        for _ in range(WORKERS):
            self._spawn(self.writer.run())
        await self.zygote.gone

    def _spawn(self, body: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(body)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.report(task.exception())

    def report(self, error: BaseException | None) -> None:
        """Called for a bug of the sandbox: end with the reason in the sandbox's exit message. A
        kubelet with a part missing must not run on."""
        if error is not None:
            traceback.print_exception(error)
            sys.stderr.flush()
            os._exit(1)

    def _tell_ready(self) -> None:
        if self._ready >= 0 and self.nodes.usable():
            os.write(self._ready, b"\n")
            os.close(self._ready)
            self._ready = -1

    def _on_pod(self, kind: EventType, obj: Obj, old: Obj | None) -> None:
        if obj["spec"].get("nodeName") in self.nodes.stopped:
            return  # no node is running; `start_node` catches up
        uid = obj["metadata"]["uid"]
        pod = self.pods.get(uid)
        if kind == "DELETED":
            if pod is not None:
                pod.vanished()
        elif pod is not None:
            pod.update(obj)
        elif self._is_ours(obj):
            self.pods[uid] = pod = Pod(self, obj)
            pod.update(obj)
        elif obj["spec"].get("nodeName") and obj["spec"]["nodeName"] not in self.nodes:
            self._homeless.setdefault(obj["spec"]["nodeName"], {})[uid] = obj

    def _on_node_added(self, name: str) -> None:
        """Pods may be bound to a node before it exists."""
        for uid in self._homeless.pop(name, {}):
            if uid in self._pods.known:
                self._on_pod("MODIFIED", self._pods.known[uid], None)

    def _on_volume(self, kind: EventType, obj: Obj, old: Obj | None) -> None:
        reclaim(self.config.directory, kind, obj)

    def _is_ours(self, obj: Obj) -> bool:
        node = obj["spec"].get("nodeName")
        return node in self.nodes and obj.get("status", {}).get("phase") not in TERMINAL

    def node_address(self, name: str) -> str:
        """InternalIP of a node."""
        return self.nodes.address(name)

    def allocatable(self, name: str) -> dict[str, str]:
        """Resources of a node."""
        return self.nodes.allocatable(name)

    async def _resync(self) -> None:
        strays = Strays()
        while True:
            await asyncio.sleep(PERIOD)
            running = self.nodes.running()
            for uid in sorted(strays.found(self._pods.known, self.pods, running)):
                await self._take_in(uid)

    async def _take_in(self, uid: str) -> None:
        obj, pod = self._pods.known.get(uid), self.pods.get(uid)
        meta = (obj or {}).get("metadata") or {"name": pod.name if pod else uid}
        print(f"resync: Pod {meta['name']} ({uid}) was lost sight of", file=sys.stderr, flush=True)
        if obj is None and pod is not None:
            pod.vanished()
        elif obj is not None and "deletionTimestamp" in meta:
            await self._delete(obj, lambda: uid not in self._pods.known)
        elif obj is not None:
            self._on_pod("MODIFIED", obj, None)

    async def delete(self, pod: Pod) -> None:
        """Delete the object of a Pod whose containers have ended, as its kubelet does."""
        await self._delete(pod.obj, lambda: pod.gone)

    async def _delete(self, obj: Obj, gone: Callable[[], bool]) -> None:
        meta = obj["metadata"]
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": meta["uid"]}}
        path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
        while not gone():
            try:
                await self._client.delete(path, options)
            except ApiError as error:
                if error.code not in (404, 409):
                    await asyncio.sleep(DELETE_RETRY)
                    continue
            except (ConnectionError, FileNotFoundError):
                await asyncio.sleep(DELETE_RETRY)
                continue
            return

    def stop_node(self, name: str, *, dead: bool) -> None:
        """A fault: the node's kubelet stops; if `dead`, its Pods' processes end with it."""
        self.nodes.stopped.add(name)
        for pod in self._on_node(name):
            if dead:
                pod.kill_now()

    def start_node(self, name: str) -> None:
        """The node is back: handle and report the changes in the meantime."""
        self.nodes.start(name)
        for pod in self._on_node(name):
            self.writer.distrust(pod)
            if pod.uid not in self._pods.known:
                pod.vanished()
        for obj in list(self._pods.known.values()):
            if obj["spec"].get("nodeName") == name:
                self._on_pod("MODIFIED", obj, None)

    def _on_node(self, name: str) -> list[Pod]:
        return [pod for pod in self.pods.values() if pod.spec["nodeName"] == name]

    def refusal(self, obj: Obj, node: Obj | None = None) -> tuple[str, str] | None:
        """Why its node does not take this Pod; None for one that has begun already."""
        if (obj.get("status") or {}).get("startTime"):
            return None
        known = self.nodes.node(obj["spec"]["nodeName"])
        return admitting.refusal(obj["spec"], node or known, self._beside(obj))

    async def confirm(self, obj: Obj) -> tuple[str, str] | None:
        """The refusal by the node as it is now: what is known of it may be behind its Pods."""
        return self.refusal(obj, await self.references.find("nodes", "", obj["spec"]["nodeName"]))

    def held_resize(self, pod: Pod) -> Obj | None:
        """Why its node cannot give this Pod what its spec asks for; None if it can."""
        node = self.nodes.node(pod.spec["nodeName"])
        return resizing.held(pod.spec, node, self._beside(pod.obj))

    def retry_resizes(self, pod: Pod) -> None:
        """Room may have become free on the node of this Pod."""
        for other in self._on_node(pod.spec["nodeName"]):
            if other is not pod and other.held:
                other.resize()

    def _beside(self, obj: Obj) -> list[admitting.Room]:
        """What the other Pods on its node take, unless they have ended."""
        node = obj["spec"]["nodeName"]
        return [pod.room for pod in self._on_node(node) if pod.holds_room
                and pod.uid != obj["metadata"]["uid"]]  # fmt: skip

    def forget(self, pod: Pod) -> None:
        """Handle the end of a Pod. A Pod that ended with its node starts again if the node is
        already back."""
        self.pods.pop(pod.uid, None)
        self.writer.forget(pod)
        self.retry_resizes(pod)
        obj = self._pods.known.get(pod.uid)
        if pod.gone and obj is not None:
            self._on_pod("MODIFIED", obj, None)
