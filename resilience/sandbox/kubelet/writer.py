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
    """The queue of Pods whose status is to be written."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._marked: dict[str, Pod] = {}
        self._busy: set[str] = set()
        self._written: dict[str, Obj] = {}
        self._room = asyncio.Semaphore(0)
        self._idle = asyncio.Condition()
        self.held: Callable[[str], bool] = lambda node: False
        """Whether a node's kubelet is stopped (a fault): its Pods' status is not written."""

    def mark(self, pod: Pod) -> None:
        """The status of `pod` may have changed."""
        if pod.uid not in self._marked:
            self._marked[pod.uid] = pod
            if pod.uid not in self._busy:
                self._room.release()

    def distrust(self, pod: Pod) -> None:
        """Somebody else wrote this Pod's status: write it again even if it did not change."""
        self._written.pop(pod.uid, None)
        self.mark(pod)

    def forget(self, pod: Pod) -> None:
        """The Pod is gone."""
        self._marked.pop(pod.uid, None)
        self._written.pop(pod.uid, None)

    async def flush(self, pod: Pod) -> None:
        """Return when everything known of `pod` until now is written."""
        async with self._idle:
            await self._idle.wait_for(
                lambda: pod.gone or (pod.uid not in self._marked and pod.uid not in self._busy)
            )

    async def run(self) -> None:
        """One worker; start several."""
        while True:
            await self._room.acquire()
            free = next((uid for uid in self._marked if uid not in self._busy), None)
            if free is None:
                continue
            pod = self._marked.pop(free)
            self._busy.add(free)
            try:
                await self._write(pod)
            finally:
                self._busy.discard(free)
                if free in self._marked:
                    self._room.release()
                async with self._idle:
                    self._idle.notify_all()

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
