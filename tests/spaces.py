"""A namespace of one test's own in a sandbox that a whole module shares.

Tests run in any order, and some look past their namespace: a drain strikes every Pod of a node, a
selection may be made over all namespaces, a list is of the whole cluster. So no name is given
twice, and a test ends only when its namespace and all that was in it are gone.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from resilience.cluster.errors import NotFound
from resilience.cluster.interface import CONFIGMAPS, NAMESPACES, PODS, Cluster
from resilience.kube import objects, readiness

PATIENCE = 120.0
"""Seconds for what takes one or two: a machine may be busy."""

_numbers = itertools.count(1)


def fresh(stem: str) -> str:
    """A name that no other test of this process has."""
    return f"{stem}-{next(_numbers)}"


@contextmanager
def space(cluster: Cluster, stem: str = "space") -> Iterator[str]:
    """Its name; at the end it is gone, however the test ended."""
    name = fresh(stem)
    cluster.create(NAMESPACES, {"metadata": {"name": name}})
    try:
        yield name
    finally:
        with suppress(NotFound):
            cluster.delete(NAMESPACES, name)
        until_gone(cluster, name)


@contextmanager
def leaving(cluster: Cluster, stem: str = "leaving") -> Iterator[str]:
    """A namespace that is being deleted, and cannot go before the end of the block."""
    with space(cluster, stem) as name:
        held = {"metadata": {"name": "held", "finalizers": ["example.org/held"]}}
        cluster.create(CONFIGMAPS, held, name)
        cluster.delete(NAMESPACES, name)
        try:
            yield name
        finally:
            cluster.patch(CONFIGMAPS, "held", {"metadata": {"finalizers": None}}, name)


def serving(cluster: Cluster, namespace: str, count: int, labels: str = "") -> None:
    """Wait until so many Pods are there, all serve, and no victim of another test is left."""
    with cluster.view(PODS, namespace, labels=labels) as pods:
        assert pods.wait(
            lambda found: len(found) == count and all(map(readiness.serves, found)), PATIENCE
        ), [(objects.name(pod), pod.get("status")) for pod in pods.objects()]


def until_gone(cluster: Cluster, name: str) -> None:
    """Wait until there is no namespace of that name."""
    with cluster.view(NAMESPACES) as view:
        assert view.wait(lambda found: name not in map(objects.name, found), PATIENCE), (
            f"namespace {name} is still there"
        )
