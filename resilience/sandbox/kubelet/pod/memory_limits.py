"""Memory limits by observation: a container whose processes exceed its limit is ended with 137.

What counts is memory beyond the zygote's shared pages (`Rss` minus `Shared` in /proc/PID/statm):
those belong to every container alike. It checks every quarter of a second, so a short-lived
allocation in between is not seen.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable

from resilience.sandbox.host import processes
from resilience.sandbox.kubelet.pod.container import Container
from resilience.sandbox.kubelet.pod.pod import Pod
from resilience.sandbox.kubelet.setup.downward_api import quantity

LOOK = 0.25
PAGE = os.sysconf("SC_PAGE_SIZE")


def held(pid: int) -> int:
    """Private bytes of one process; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/statm") as file:
            words = file.read().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return (int(words[1]) - int(words[2])) * PAGE


def limit_of(container: Container) -> int | None:
    """The memory limit in bytes, None without a readable one."""
    limits = (container.state.spec.get("resources") or {}).get("limits") or {}
    try:
        return int(quantity(limits["memory"])) if "memory" in limits else None
    except ValueError:
        return None


class MemoryWatch:
    """Checks all running containers with a limit."""

    def __init__(self, pods: dict[str, Pod]) -> None:
        self._pods = pods

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await asyncio.sleep(LOOK)
            for container in list(self._limited()):
                self._look(container)

    def _limited(self) -> Iterable[Container]:
        for pod in self._pods.values():
            if pod.has_memory_limit:
                yield from (c for c in pod.containers if c.log is not None and c.state.running)

    def _look(self, container: Container) -> None:
        limit = limit_of(container)
        if limit is None or container.launch is None:
            return
        pid = container.pod.kubelet.zygote.pids.get(container.launch.id)
        if pid is None:
            return
        if sum(held(each) for each in [pid, *processes.descendants(pid)]) > limit:
            container.end_for_memory()
