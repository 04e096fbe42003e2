"""A Pod that is deleted while its container is about to start."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kubelet.base.kubelet_clock import WallClock
from resilience.sandbox.kubelet.pod.pod import Pod
from resilience.sandbox.kubelet.setup.service_links import ServiceLinks
from tests.sandbox.kubelet.pod.states import pod as pod_object


class Kubelet:
    """What a Pod needs of its kubelet; a ConfigMap arrives when the test lets it."""

    def __init__(self, directory: Path) -> None:
        self.clock = WallClock(0, 1)
        self.config: Any = SimpleNamespace(
            directory=directory, id="sb", network="127.5", loopback_network="127.6",
            dns_socket=directory / "dns", policy_flag=directory / "policy", images=(),
        )  # fmt: skip
        self.references = self
        self.shift = 0
        self.links = ServiceLinks()
        self.services_known = asyncio.Event()
        self.services_known.set()
        self.arrives: asyncio.Future[Obj] = asyncio.get_running_loop().create_future()
        self.asked = asyncio.Event()
        self.removed = asyncio.Event()
        self.said: list[str] = []
        self.addresses: Any = SimpleNamespace(take=lambda: "127.5.32.1", release=lambda a: None)
        self.events: Any = SimpleNamespace(record=self._record)
        self.writer: Any = SimpleNamespace(
            mark=lambda pod: None, seen=lambda pod: None, flush=self._flush
        )
        self.nodes: Any = SimpleNamespace(until_running=self._flush)

    async def find(self, plural: str, namespace: str, name: str) -> Obj:
        self.asked.set()
        return await self.arrives

    async def _flush(self, about: Any) -> None:
        pass

    def _record(self, obj: Obj, kind: str, reason: str, text: str, *, field_path: str = "") -> None:
        self.said.append(reason)

    def node_address(self, name: str) -> str:
        return "127.5.0.1"

    def allocatable(self, name: str) -> dict[str, str]:
        return {}

    def refusal(self, obj: Obj) -> None:
        """Its node takes every Pod."""

    async def delete(self, pod: Pod) -> None:
        self.removed.set()

    def forget(self, pod: Pod) -> None:
        pass


def pause() -> Obj:
    """A Pod that needs a ConfigMap before it starts."""
    reference = {"configMapKeyRef": {"name": "settings", "key": "x"}}
    container = {
        "name": "main",
        "image": "registry.k8s.io/pause:3.10",
        "env": [{"name": "X", "valueFrom": reference}],
    }
    return pod_object(nodeName="node-1", containers=[container])


def test_a_container_does_not_start_after_its_pod_was_told_to_end(tmp_path: Path) -> None:
    async def main() -> list[str]:
        kubelet: Any = Kubelet(tmp_path)
        pod = Pod(kubelet, pause())
        await kubelet.asked.wait()
        meta = {**pod.obj["metadata"], "deletionTimestamp": "t", "deletionGracePeriodSeconds": 1}
        pod.update({**pod.obj, "metadata": meta})
        while not pod.containers[0].told_to_end():
            await asyncio.sleep(0)
        kubelet.arrives.set_result({"data": {"x": "1"}})  # in the very moment between the two
        await kubelet.removed.wait()
        assert not pod.containers[0].state.running
        return kubelet.said  # type: ignore[no-any-return]

    async def within() -> list[str]:
        async with asyncio.timeout(10):
            return await main()

    assert "Started" not in asyncio.run(within())
