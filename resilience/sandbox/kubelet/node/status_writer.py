"""Writes Pod status: changes between two writes of one Pod are sent as one.

A Pod is marked and then written by one of a few workers; a change during its write marks it again.
A write that equals the last one is not sent, unless someone else changed the kubelet's own
conditions meanwhile (the status manager's needsReconcile).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from resilience.sandbox.kube.api import ApiError, Obj
from resilience.sandbox.kubelet.pod.pod_status import OWNED
from resilience.sandbox.wire.api_client import Client

if TYPE_CHECKING:
    from resilience.sandbox.kubelet.pod.pod import Pod

WORKERS = 8
RETRY = 0.2


@dataclass(frozen=True, slots=True)
class _Written:
    """The status that was written for a Pod, and the object's version at that time."""

    status: Obj
    version: int


class StatusWriter:
    """The queue of Pods whose status is to be written.

    A uid is queued exactly when it is marked and not being written: each step costs the same
    however many Pods wait, since thousands of them may end at one moment.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._marked: dict[str, Pod] = {}
        self._busy: set[str] = set()
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._written: dict[str, _Written] = {}
        self._flushed: dict[str, list[asyncio.Future[None]]] = {}
        self.held: Callable[[str], bool] = lambda node: False
        """Whether a node's kubelet is stopped (a fault): its Pods' status is not written."""

    def mark(self, pod: Pod) -> None:
        """The status of `pod` may have changed."""
        if pod.uid not in self._marked:
            self._marked[pod.uid] = pod
            if pod.uid not in self._busy:
                self._queue.put_nowait(pod.uid)

    def distrust(self, pod: Pod) -> None:
        """Someone else wrote this Pod's status: write it again even if it did not change."""
        self._written.pop(pod.uid, None)
        self.mark(pod)

    def seen(self, pod: Pod) -> None:
        """Handle a newer object: if others changed the kubelet's conditions in it, they are
        corrected."""
        written = self._written.get(pod.uid)
        if written is None or pod.uid in self._busy or pod.uid in self._marked:
            return
        newer = int(pod.obj["metadata"]["resourceVersion"]) > written.version
        if newer and _owned(pod.obj.get("status", {})) != _owned(written.status):
            self.distrust(pod)

    def forget(self, pod: Pod) -> None:
        """Forget a Pod that is gone."""
        self._marked.pop(pod.uid, None)
        self._written.pop(pod.uid, None)
        self._tell_flushed(pod.uid)

    async def flush(self, pod: Pod) -> None:
        """Return when everything known of `pod` until now is written, or it was forgotten."""
        if not pod.gone and (pod.uid in self._marked or pod.uid in self._busy):
            done = asyncio.get_running_loop().create_future()
            self._flushed.setdefault(pod.uid, []).append(done)
            await done

    def _tell_flushed(self, uid: str) -> None:
        for done in self._flushed.pop(uid, ()):
            if not done.done():
                done.set_result(None)

    async def run(self) -> None:
        """One worker; start several."""
        while True:
            uid = await self._queue.get()
            pod = self._marked.pop(uid, None)
            if pod is None:
                continue  # forgotten while it waited
            self._busy.add(uid)
            try:
                await self._write(pod)
            finally:
                self._busy.discard(uid)
            if uid in self._marked:
                self._queue.put_nowait(uid)
            else:
                self._tell_flushed(uid)
            if pod.gone:
                self._written.pop(uid, None)
            else:
                self.seen(pod)

    async def _write(self, pod: Pod) -> None:
        status = pod.status()
        written = self._written.get(pod.uid)
        if pod.gone or (written is not None and _stripped(written.status) == _stripped(status)):
            return
        if self.held(pod.spec["nodeName"]):
            return  # `release` marks every Pod of the node again
        path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}/status"
        try:
            patch = {"metadata": {"uid": pod.uid}, "status": status}
            answer = await self._client.patch(path, patch)
            version = int(answer["metadata"]["resourceVersion"])
            self._written[pod.uid] = _Written(status, version)
        except ApiError as error:
            if error.code in (404, 409):
                return  # it is gone, or another Pod with that name exists: the watch will show that
            if 400 <= error.code < 500 and error.code != 429:
                raise
            await self._again(pod)
        except (ConnectionError, FileNotFoundError):
            await self._again(pod)

    async def _again(self, pod: Pod) -> None:
        await asyncio.sleep(RETRY)
        self._marked.setdefault(pod.uid, pod)


def _owned(status: Obj) -> set[tuple[str, str]]:
    """The kubelet's conditions, as far as changes by others matter."""
    return {(c["type"], c["status"]) for c in status.get("conditions", []) if c["type"] in OWNED}


def _stripped(status: Obj) -> Obj:
    """Without transition times: they change with a condition."""
    conditions = [
        {key: value for key, value in condition.items() if key != "lastTransitionTime"}
        for condition in status["conditions"]
    ]
    return {**status, "conditions": conditions}
