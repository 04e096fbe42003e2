"""Adds to a snapshot's request what needs commands in containers: hooks, and volumes if wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from resilience.backup.clock import Clock
from resilience.backup.hooks import around
from resilience.backup.snapshot import Request
from resilience.backup.stream import Exec
from resilience.backup.volumes import TarVolumes
from resilience.cluster.interface import NAMESPACES, Cluster


def with_data(
    request: Request,
    cluster: Cluster,
    exec_: Exec,
    *,
    clock: Clock,
    volumes: bool,
    tell: Callable[[str], None],
) -> Request:
    """`tell` gets the failures of hooks that may fail."""
    listed = cluster.list(NAMESPACES, labels=request.scope.namespace_labels)
    hooks = around(cluster, request.scope.chosen(listed), exec_, tell)
    request = replace(request, hooks=hooks)
    if not volumes:
        return request
    tar = TarVolumes(cluster=cluster, exec=exec_, clock=clock, name=request.name)
    return replace(request, volumes=tar.take)
