"""The ground of a restore: definitions and namespaces, in which everything else is checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.objects import order
from resilience.backup.objects.restore_plan import RestoreStage
from resilience.backup.objects.rules import RESTORE
from resilience.backup.objects.selection import Chosen
from resilience.backup.restore.outcome import Item, Outcome
from resilience.backup.restore.places import nameless
from resilience.backup.restore.restore_request import RestoreRequest
from resilience.backup.restore.served_kinds import CRDS
from resilience.cluster.errors import ClusterError, Forbidden, NotFound
from resilience.cluster.interface import NAMESPACES, Cluster, Object
from resilience.kube import objects

DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"
_GROUND = {"namespaces": NAMESPACES, DEFINITIONS: CRDS}


def is_ground(stage: RestoreStage) -> bool:
    """Whether it is definitions or namespaces."""
    return stage.wave <= order.NAMESPACES


def missing_namespaces(
    request: RestoreRequest, snapshot: Snapshot, cluster: Cluster
) -> Iterator[Object]:
    """Those that the snapshot writes to and does not hold, and that do not exist."""
    for obj in nameless(request, snapshot):
        try:
            cluster.get(NAMESPACES, obj["metadata"]["name"])
        except NotFound:
            yield obj
        except Forbidden:  # the first write shows whether it exists
            continue


def defined_kinds(snapshot: Snapshot, chosen: Chosen) -> Iterator[str]:
    """The kinds, such as `widgets.example.com`, whose definitions are restored with their
    objects."""
    for line in snapshot.contents:
        bare = {"kind": line.kind, "metadata": {"name": line.address.name}}
        if line.address.resource == DEFINITIONS and chosen.holds(DEFINITIONS, bare):
            yield line.address.name


def take_back(written: Sequence[Item], restore: str, cluster: Cluster) -> None:
    """Delete what the restore of this name created of it; nothing is in them yet."""
    for item in reversed(written):
        if item.outcome is not Outcome.CREATED or item.kind not in _GROUND:
            continue
        with suppress(ClusterError):
            resource = _GROUND[item.kind]
            live = cluster.get(resource, item.name)
            if objects.annotation(live, RESTORE) == restore:
                cluster.delete(resource, item.name, uid=objects.uid(live))
