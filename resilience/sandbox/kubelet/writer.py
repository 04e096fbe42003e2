"""Writes Pod status: what changed between two writes of one Pod goes out as one.

A Pod is marked and written by one of a few workers; a change that comes while its write is under
way marks it again. A write that equals the last one is not sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from resilience.sandbox.api import ApiError, Obj
from resilience.sandbox.wire.client import Client

if TYPE_CHECKING:
    from resilience.sandbox.kubelet.pod import Pod

WORKERS = 8
RETRY = 0.2


class StatusWriter:
    """The queue of Pods whose status is to be written.

    A uid is queued exactly when it is marked and not under way: each step costs the same however
    many Pods wait, since thousands of them may end in one moment.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._marked: dict[str, Pod] = {}
        self._busy: set[str] = set()
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._written: dict[str, Obj] = {}
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
        """Somebody else wrote this Pod's status: write it again even if it did not change."""
        self._written.pop(pod.uid, None)
        self.mark(pod)

    def forget(self, pod: Pod) -> None:
        """The Pod is gone."""
        self._marked.pop(pod.uid, None)
        self._written.pop(pod.uid, None)
        self._tell_flushed(pod.uid)

    async def flush(self, pod: Pod) -> None:
        """Return when everything known of `pod` until now is written, or nobody asks any more."""
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

    async def _write(self, pod: Pod) -> None:
        status = pod.status()
        if pod.gone or _same(self._written.get(pod.uid), status):
            return
        if self.held(pod.spec["nodeName"]):
            return  # `release` marks every Pod of the node again
        path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}/status"
        try:
            await self._client.patch(path, {"metadata": {"uid": pod.uid}, "status": status})
            self._written[pod.uid] = status
        except ApiError as error:
            if error.code in (404, 409):
                return  # it is gone, or another Pod of that name is there: the watch will tell
            if 400 <= error.code < 500 and error.code != 429:
                raise
            await self._again(pod)
        except (ConnectionError, FileNotFoundError):
            await self._again(pod)

    async def _again(self, pod: Pod) -> None:
        await asyncio.sleep(RETRY)
        self._marked.setdefault(pod.uid, pod)


def _same(one: Obj | None, other: Obj) -> bool:
    """Equal but for transition times of conditions that did not change."""
    if one is None:
        return False
    return _stripped(one) == _stripped(other)


def _stripped(status: Obj) -> Obj:
    conditions = [
        {key: value for key, value in condition.items() if key != "lastTransitionTime"}
        for condition in status["conditions"]
    ]
    return {**status, "conditions": conditions}
