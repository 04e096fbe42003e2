"""The permissions of a snapshot: everything in its namespaces is listed, and the cluster-scoped
objects that these refer to are read one by one, each by its name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from resilience.backup.data.snapshot_clones import SNAPSHOTS
from resilience.model.inside import Volumes
from resilience.model.verb import Right

REFERRED = (
    ("", "persistentvolumes"),
    ("apiextensions.k8s.io", "customresourcedefinitions"),
    ("networking.k8s.io", "ingressclasses"),
    ("node.k8s.io", "runtimeclasses"),
    ("rbac.authorization.k8s.io", "clusterroles"),
    ("resource.k8s.io", "deviceclasses"),
    ("scheduling.k8s.io", "priorityclasses"),
    ("storage.k8s.io", "storageclasses"),
    ("storage.k8s.io", "volumeattributesclasses"),
)
"""Kinds without a namespace that objects in one refer to (`resilience.backup.objects.related`)."""

HELPER = (("get", "persistentvolumeclaims"), ("get", "pods"), ("create", "pods"),
          ("delete", "pods"), ("get", "pods/exec"), ("create", "pods/exec"))  # fmt: skip
"""For the content of volumes and Pods: a Pod that reads a claim, and commands in Pods."""


STAND_IN = (
    ("create", "", "persistentvolumeclaims"),
    ("delete", "", "persistentvolumeclaims"),
    ("get", SNAPSHOTS.group, SNAPSHOTS.plural),
    ("create", SNAPSHOTS.group, SNAPSHOTS.plural),
    ("delete", SNAPSHOTS.group, SNAPSHOTS.plural),
)
"""For reading a VolumeSnapshot or clone of a claim, or leaving one on the cluster."""


def of_snapshot(
    namespaces: Sequence[str], *, inside: bool, volumes: Volumes | None = None
) -> Sequence[Right]:
    """The permissions to list everything there; with `inside` also those for volumes, dumps, hooks
    or a sentinel; `volumes` says how volumes are read. A pattern is searched in all namespaces."""
    patterned = not namespaces or any(set(name) & set("*?[") for name in namespaces)
    places = [""] if patterned else sorted(set(namespaces))
    aside = bool(volumes and (volumes.from_ != "live" or volumes.local))
    return [
        *(right for name in places for right in _reading(name, inside, aside)),
        # Namespaces that are named can be read by their names.
        Right(verb="list", group="", resource="namespaces", optional=not patterned),
        Right(verb="list", group="rbac.authorization.k8s.io", resource="clusterrolebindings"),
        Right(verb="list", group="rbac.authorization.k8s.io", resource="clusterroles"),
        *(Right(verb="get", group=group, resource=resource) for group, resource in REFERRED),
    ]


def _reading(namespace: str, inside: bool, aside: bool) -> Iterator[Right]:
    yield Right(verb="list", group="*", resource="*", namespace=namespace)
    for verb, resource in HELPER if inside else ():
        yield Right(verb=verb, group="", resource=resource, namespace=namespace)
    for verb, group, resource in STAND_IN if aside else ():
        yield Right(verb=verb, group=group, resource=resource, namespace=namespace)
