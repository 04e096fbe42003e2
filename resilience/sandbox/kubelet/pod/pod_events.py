"""Events about Pods, with the kubelet's real reasons and texts.

A repeat within the same object raises the count of the first one, as client-go's correlator does.
The queue is bounded and drops when full, as client-go's does: Events never delay Pods.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

from resilience.sandbox.kube.api import ApiError, Obj
from resilience.sandbox.kubelet.base.kubelet_clock import WallClock
from resilience.sandbox.wire.api_client import Client

QUEUE = 2000
REMEMBERED = 4096
Key = tuple[str, str, str, str]


@dataclass(slots=True)
class _Sent:
    path: str
    count: int


class Events:
    """Records Events in the background; `run` sends them."""

    def __init__(self, client: Client, clock: WallClock) -> None:
        self._client = client
        self._clock = clock
        self._queue: asyncio.Queue[tuple[Key, Obj]] = asyncio.Queue(QUEUE)
        self._sent: OrderedDict[Key, _Sent] = OrderedDict()
        self._number = 0

    def record(
        self,
        pod: Obj,
        kind: Literal["Normal", "Warning"],
        reason: str,
        message: str,
        *,
        field_path: str = "",
    ) -> None:
        """Record an Event about `pod`, or about one of its containers by `field_path`."""
        event = self._event(pod, kind, reason, message, field_path)
        key = (pod["metadata"]["uid"], field_path, reason, message)
        try:
            self._queue.put_nowait((key, event))
        except asyncio.QueueFull:
            pass

    def _event(self, pod: Obj, kind: str, reason: str, message: str, field_path: str) -> Obj:
        meta, now = pod["metadata"], self._clock.stamp()
        self._number += 1
        about = {
            "kind": "Pod",
            "apiVersion": "v1",
            "namespace": meta["namespace"],
            "name": meta["name"],
            "uid": meta["uid"],
            "resourceVersion": meta.get("resourceVersion", ""),
        }
        if field_path:
            about["fieldPath"] = field_path
        suffix = f"{int(self._clock.now() * 1e6):x}{self._number:x}"
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{meta['name']}.{suffix}", "namespace": meta["namespace"]},
            "involvedObject": about,
            "type": kind,
            "reason": reason,
            "message": message,
            "source": {"component": "kubelet", "host": pod["spec"].get("nodeName", "")},
            "reportingComponent": "kubelet",
            "reportingInstance": pod["spec"].get("nodeName", ""),
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }

    async def run(self) -> None:
        """Send recorded Events, one after another, until cancelled."""
        while True:
            key, event = await self._queue.get()
            try:
                await self._send(key, event)
            except (ApiError, ConnectionError, FileNotFoundError):
                pass  # an Event is best effort: its namespace may be terminating

    async def _send(self, key: Key, event: Obj) -> None:
        sent = self._sent.get(key)
        if sent is not None:
            sent.count += 1
            patch = {"count": sent.count, "lastTimestamp": event["lastTimestamp"]}
            await self._client.patch(sent.path, patch)
            return
        path = f"/api/v1/namespaces/{event['metadata']['namespace']}/events"
        await self._client.create(path, event)
        self._sent[key] = _Sent(f"{path}/{event['metadata']['name']}", 1)
        if len(self._sent) > REMEMBERED:
            self._sent.popitem(last=False)
