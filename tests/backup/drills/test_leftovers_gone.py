"""`resilience recover`: what ended while it was being cleared away is not told as left."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from resilience.backup.drills import scratch_leftovers
from resilience.backup.drills.scratch import OWNER
from resilience.backup.plans import helper_leftovers
from resilience.backup.plans.helper_leftovers import Swept
from resilience.cluster import helper_pods
from resilience.cluster.errors import Forbidden, NotFound
from resilience.cluster.interface import NAMESPACES, PODS, Cluster
from tests.backup.fakes import FakeCluster

NAME = "shop-drill"
SCRATCH = "namespaces", "", NAME
HELPER = "pods", NAME, "resilience-volume-1"


@pytest.fixture
def cluster() -> FakeCluster:
    made = FakeCluster()
    made.put(NAMESPACES, {"metadata": {"name": NAME, "labels": {OWNER: "shop"}}})
    labels = {helper_pods.PURPOSE: "volume"}
    made.put(PODS, {"metadata": {"name": HELPER[2], "namespace": NAME, "labels": labels}})
    return made


Admitted = Callable[[str], AbstractContextManager[Cluster]]


def refused(meanwhile: Callable[[], object]) -> Admitted:
    """No consent could be read; `meanwhile` happens before."""

    def admitted(name: str) -> AbstractContextManager[Cluster]:
        meanwhile()
        raise NotFound(404, f"namespace {name} is unknown")

    return admitted


def nothing() -> None:
    pass


def scratch_swept(cluster: FakeCluster, admitted: Admitted) -> Swept:
    swept = Swept()
    scratch_leftovers.sweep(cluster, admitted, (), swept)
    return swept


def test_a_scratch_namespace_that_ended_meanwhile_is_gone_and_not_left(
    cluster: FakeCluster,
) -> None:
    swept = scratch_swept(cluster, refused(lambda: cluster.objects.pop(SCRATCH)))
    assert swept.kept == []
    assert swept.removed == [f"scratch namespace {NAME} of a killed drill: gone"]


def test_a_scratch_namespace_that_is_still_there_is_left(cluster: FakeCluster) -> None:
    swept = scratch_swept(cluster, refused(nothing))
    assert swept.removed == []
    [told] = swept.kept
    assert told.startswith(f"scratch namespace {NAME} was left: ")


def test_helper_pods_that_ended_meanwhile_are_not_left(cluster: FakeCluster) -> None:
    swept = helper_leftovers.sweep(cluster, refused(lambda: cluster.objects.pop(HELPER)), ())
    assert (swept.removed, swept.kept) == ([], [])


def test_helper_pods_that_are_still_there_are_left(cluster: FakeCluster) -> None:
    swept = helper_leftovers.sweep(cluster, refused(nothing), ())
    [told] = swept.kept
    assert told.startswith(f"helper Pods in namespace {NAME} were left: ")


def test_what_cannot_be_looked_at_again_is_told_as_left(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def blind(*_: object, **more: object) -> object:
        raise Forbidden(403, "no longer")

    def lose_sight() -> None:
        monkeypatch.setattr(cluster, "get", blind)
        monkeypatch.setattr(cluster, "list", blind)

    assert len(helper_leftovers.sweep(cluster, refused(lose_sight), ()).kept) == 1
    monkeypatch.undo()
    assert len(scratch_swept(cluster, refused(lose_sight)).kept) == 1
