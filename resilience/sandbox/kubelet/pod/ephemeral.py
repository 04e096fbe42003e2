"""Ephemeral containers: what `kubectl debug` adds to a running Pod.

Each starts once, as soon as its Pod has an address and volumes, is never restarted, and counts
neither for readiness nor for the Pod's phase (pkg/kubelet/kuberuntime, `computePodActions`). It
shares the Pod's address, not the files of the container it debugs.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kubelet.pod import pod_status
from resilience.sandbox.kubelet.pod.container import Container
from resilience.sandbox.kubelet.pod.container_state import ContainerState

if TYPE_CHECKING:
    from resilience.sandbox.kubelet.pod.pod import Pod


class Ephemeral:
    """The ephemeral containers of one Pod."""

    def __init__(self, pod: Pod) -> None:
        self._pod = pod
        self.containers: list[Container] = []
        self.can_start = asyncio.Event()

    def update(self) -> None:
        """Take over the containers that the Pod's object has gained."""
        known = {container.state.name for container in self.containers}
        for spec in self._pod.spec.get("ephemeralContainers") or []:
            if spec["name"] not in known:
                container = Container(self._pod, ContainerState(spec, "ephemeral"))
                container.state.state = {"waiting": {"reason": "ContainerCreating"}}
                self.containers.append(container)
                self._pod.spawn(self._run(container))

    async def _run(self, container: Container) -> None:
        self._pod.touch()
        await self.can_start.wait()
        await container.run()

    def statuses(self) -> list[Obj]:
        """`ephemeralContainerStatuses`."""
        return [pod_status.container_status(container.state) for container in self.containers]
