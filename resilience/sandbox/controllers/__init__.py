"""kube-controller-manager and kube-scheduler of the sandbox, in the API server's process.

`start` is all the API server needs. Each controller is one class over the shared work queue
(`runner`), reads and writes through `Api` like any client, and keeps its decisions in pure
functions. The rules are those of Kubernetes 1.36, with times from the given clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from resilience.sandbox.kube.api import Api, Clock
from resilience.sandbox.reconcile.controller_context import Issue


def start(
    api: Api,
    clock: Clock,
    *,
    root_ca: str = "",
    issue: Issue | None = None,
    directory: Path | None = None,
) -> Callable[[], None]:
    """Start every controller and the scheduler on the clock's loop; returns stop.

    `root_ca` is the PEM text of ConfigMap kube-root-ca.crt in each namespace; without it there is
    no such ConfigMap. `issue` signs approved certificate requests; without it nobody does.
    `directory` is the sandbox's; without it volumes cannot be copied.
    """
    from resilience.sandbox.controllers.manager import Manager
    from resilience.sandbox.reconcile.volume_directories import HostDirectories

    if directory is None:
        manager = Manager(api, clock, root_ca=root_ca, issue=issue)
        manager.start()
        return manager.stop
    places = HostDirectories(directory, asyncio.get_running_loop())
    manager = Manager(api, clock, root_ca=root_ca, issue=issue, directories=places)
    manager.start()

    def stop() -> None:
        manager.stop()
        places.close()

    return stop
