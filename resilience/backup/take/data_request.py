"""Adds to a snapshot's request what needs commands in containers: hooks, sentinel, data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Self

from resilience.backup.data.command_pods import has_any, living
from resilience.backup.data.container_stream import Exec
from resilience.backup.data.dumps import Dumps
from resilience.backup.data.hooks import around, wants_hooks
from resilience.backup.data.sentinel import SentinelPod, homes, line
from resilience.backup.data.volumes import TarVolumes
from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.manifest import VolumeRecord
from resilience.backup.store.snapshot_files import Files
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request
from resilience.cluster.interface import NAMESPACES, Cluster
from resilience.model.inside import Dump, PlanHook, Sentinel, Volumes
from resilience.model.scenario import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """What a snapshot does beyond reading objects."""

    volumes: Volumes | None = None
    engine: str = ""
    hooks: Sequence[PlanHook] = ()
    dumps: Sequence[Dump] = ()
    sentinel: Sentinel | None = None
    helper_image: str = ""

    @classmethod
    def of(cls, plan: Plan) -> Self:
        """The data request of a plan."""
        return cls(
            volumes=plan.volumes,
            engine="" if plan.engine == "files" else plan.engine,
            hooks=plan.hooks,
            dumps=plan.dumps,
            sentinel=plan.sentinel,
            helper_image=plan.helper_image,
        )


def acted_in(cluster: Cluster, scope: Scope, inside: Inside) -> frozenset[str]:
    """Namespaces in which a snapshot runs commands or creates Pods: consent must cover these.
    All namespaces for data and a plan's own hooks; otherwise those with Pods that define hooks."""
    names = frozenset(scope.chosen(cluster.list(NAMESPACES, labels=scope.namespace_labels)))
    if inside.volumes or inside.hooks or inside.dumps or inside.sentinel:
        return names
    return frozenset(name for name in names if wants_hooks(cluster, name))


def of_part(inside: Inside, cluster: Cluster, namespaces: Sequence[str]) -> Inside:
    """What concerns the volumes of some of the namespaces. A hook or the sentinel whose Pods are in
    the others is theirs; dumps and `local` are taken when the snapshot is completed."""
    hooks = [
        each for each in inside.hooks if any(living(cluster, n, each.pods) for n in namespaces)
    ]
    sentinel, volumes = inside.sentinel, inside.volumes
    if sentinel and not any(has_any(cluster, each, sentinel.pods) for each in namespaces):
        sentinel = None
    return replace(
        inside,
        hooks=hooks,
        sentinel=sentinel,
        volumes=volumes and replace(volumes, local=0),
        dumps=(),
    )


def with_data(
    request: Request,
    cluster: Cluster,
    exec_: Exec,
    *,
    clock: Clock,
    inside: Inside,
    tell: Callable[[str], None],
) -> Request:
    """`tell` receives the failures of hooks that may fail. The sentinel is written before the
    hooks run, since they may freeze its destination."""
    listed = cluster.list(NAMESPACES, labels=request.scope.namespace_labels)
    namespaces = request.scope.chosen(listed)
    hooks = around(cluster, namespaces, exec_, tell, inside.hooks, clock=clock)
    planted = homes(inside.sentinel, cluster, namespaces, clock) if inside.sentinel else ()

    @contextmanager
    def prepared() -> Iterator[None]:
        if inside.sentinel:
            for namespace in planted:
                SentinelPod(
                    sentinel=inside.sentinel, cluster=cluster, exec=exec_, clock=clock,
                    namespace=namespace,
                ).plant(line(request.name, clock.now()))  # fmt: skip
        with hooks():
            yield

    def take(files: Files, claims: Sequence[tuple[str, str, str]]) -> Sequence[VolumeRecord]:
        tar = TarVolumes(
            cluster=cluster,
            exec=exec_,
            clock=clock,
            name=request.name,
            wanted=inside.volumes or Volumes(),
            image=inside.helper_image,
            frozen=lambda namespace: bool(inside.hooks) or wants_hooks(cluster, namespace),
        )
        dumps = Dumps(
            cluster=cluster, exec=exec_, clock=clock, name=request.name, wanted=inside.dumps
        )
        return [
            *(tar.take(files, claims) if inside.volumes else ()),
            *dumps.take(files, namespaces),
        ]

    used = inside.engine if inside.volumes or inside.dumps else ""
    return replace(
        request,
        hooks=prepared,
        volumes=take,
        sentinels=planted,
        engine=used,
        saves=bool(inside.volumes),
        tell=tell,
    )
