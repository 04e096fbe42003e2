"""What a command's options say of the snapshot that is to be taken, and the cluster for it."""

from __future__ import annotations

import argparse
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from resilience.backup.format.backup_clock import SystemClock
from resilience.backup.plans.lifecycle import Keys, scope
from resilience.backup.take.data_request import Inside, acted_in, with_data
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request
from resilience.commands.admission import admitted
from resilience.commands.backup_means import cluster_of
from resilience.commands.saying import warn
from resilience.model.inside import Volumes
from resilience.model.scenario import Plan
from resilience.model.step_reach import Reach

if TYPE_CHECKING:
    from resilience.cluster.transport import HttpCluster

CLOCK = SystemClock()


def requested(name: str, options: argparse.Namespace, plan: Plan | None, given: Keys) -> Request:
    """What is to be taken, without hooks and volumes."""
    now = CLOCK.now()
    return Request(
        name=name,
        plan=plan.id if plan else "",
        scope=wanted_scope(options, plan),
        signer=given.signer,
        recipients=given.recipients or (plan.recipients if plan else ()),
        retain_until=now + timedelta(days=options.lock_days) if options.lock_days else None,
    )


def wanted_scope(options: argparse.Namespace, plan: Plan | None) -> Scope:
    """Options that override the plan."""
    base = scope(plan) if plan else Scope(namespaces=(*options.namespace,))
    return replace(
        base,
        kinds=(*options.include,) or base.kinds,
        exclude_kinds=(*base.exclude_kinds, *options.exclude),
        labels=options.labels or base.labels,
        accept=(*base.accept, *options.accept),
        cluster=options.cluster_scoped or base.cluster,
    )


@contextmanager
def acting(options: argparse.Namespace, wanted: Scope, inside: Inside) -> Iterator[HttpCluster]:
    """The cluster; commands write through it where consent and a lock cover that."""
    with cluster_of(options) as cluster, allowed_writes(cluster, wanted, inside) as allowed:
        yield allowed


def allowed_writes(
    cluster: HttpCluster, wanted: Scope, inside: Inside
) -> AbstractContextManager[HttpCluster]:
    """The same cluster, which writes only in the namespaces where commands run."""
    reach = Reach(namespaces=acted_in(cluster, wanted, inside))
    return admitted(cluster, reach, "resilience backup")


def inside_of(options: argparse.Namespace, plan: Plan | None) -> Inside:
    """What is done inside of containers: of the plan, with what the options add."""
    inside = Inside.of(plan) if plan else Inside()
    volumes = inside.volumes or (Volumes() if options.volumes else None)
    if options.volumes_from:
        volumes = replace(volumes or Volumes(), from_=options.volumes_from)
    return replace(inside, volumes=volumes, engine=options.engine or inside.engine)


def extending(cluster: HttpCluster, inside: Inside) -> Callable[[Request], Request]:
    """Hooks from the Pods' annotations, and volumes where they are included."""
    from resilience.backup.data.container_stream import ClusterExec

    exec_ = ClusterExec(cluster)
    return lambda request: with_data(
        request, cluster, exec_, clock=CLOCK, inside=inside, tell=caution
    )


def caution(text: str) -> None:
    """Print a warning."""
    warn(f"warning: {text}")


def holder() -> str:
    """Who holds a lock, told to others that wait for it."""
    return f"{socket.gethostname()}, process {os.getpid()}"
