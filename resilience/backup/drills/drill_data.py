"""Access to containers for a drill: filling volumes, loading dumps, reading the sentinel.

Passed to `drill.run` as one value, because only a caller with access to containers has it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.data.container_stream import Exec
from resilience.backup.data.dumps import Dumps, Load
from resilience.backup.data.sentinel import SentinelPod
from resilience.backup.data.volumes import TarVolumes
from resilience.backup.format.backup_clock import Clock
from resilience.backup.objects.mapping import Targets
from resilience.backup.restore.restore_request import Filling
from resilience.cluster.interface import Cluster
from resilience.model.scenario import Plan

Read = Callable[[str], str]
"""Returns the sentinel of the application in a namespace."""


def unloaded(snapshot: Snapshot, targets: Targets) -> list[str]:
    """No dumps."""
    return []


def _unread(namespace: str) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Functions that restore data and read the sentinel. Without any function, only objects are
    restored."""

    volumes: Filling | None = None
    load: Load = unloaded
    read: Read = _unread


OBJECTS_ONLY = Data()


def data(plan: Plan, cluster: Cluster, exec_: Exec, *, clock: Clock, name: str) -> Data:
    """The functions that run commands in containers. `name` is used to mark the helpers."""
    sentinel = plan.sentinel

    def read(namespace: str) -> str:
        if not sentinel:
            return ""
        return SentinelPod(
            sentinel=sentinel, cluster=cluster, exec=exec_, clock=clock, namespace=namespace
        ).look()

    return Data(
        volumes=TarVolumes(
            cluster=cluster, exec=exec_, clock=clock, name=name, image=plan.helper_image
        ),
        load=Dumps(cluster=cluster, exec=exec_, clock=clock).load,
        read=read,
    )
