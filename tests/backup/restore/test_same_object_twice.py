"""A backup of an old cluster holds one object under two groups (`ingresses.extensions` beside
`ingresses.networking.k8s.io`): it is restored once, and the rehearsal says the same."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.backup.catalog.catalog import opened
from resilience.backup.format.errors import RestoreRefused
from resilience.backup.restore.outcome import Outcome, RestoreReport
from resilience.backup.restore.restore import restore
from resilience.backup.restore.restore_request import RestoreRequest
from resilience.backup.store.memory import MemoryStore
from resilience.cluster.interface import Object
from tests.backup.drills.test_velero_drills import NAME, NAMESPACE, backup
from tests.backup.fakes import FakeClock, FakeCluster

PLURALS = {"networking.k8s.io/v1": "ingresses.networking.k8s.io",
           "networking.k8s.io/v1beta1": "ingresses.networking.k8s.io",
           "extensions/v1beta1": "ingresses.extensions"}  # fmt: skip


def archive(*versions: str, uids: tuple[str, ...] = ("u1", "u1")) -> MemoryStore:
    return backup(
        [("namespaces", NAMESPACE),
         *((PLURALS[version], ingress(version, uid)) for version, uid in zip(versions, uids,
                                                                             strict=False))]
    )  # fmt: skip


def ingress(version: str, uid: str) -> Object:
    return {"apiVersion": version, "kind": "Ingress", "spec": {"rules": []},
            "metadata": {"name": "front", "namespace": "shop", "uid": uid}}  # fmt: skip


def back(store: MemoryStore, target: FakeCluster, **options: Any) -> RestoreReport:
    request = RestoreRequest(name="r", workers=1, **options)
    return restore(request, opened(store, NAME), target, clock=FakeClock())


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize("order", [1, -1])
def test_it_is_restored_once_and_the_other_is_named(dry_run: bool, order: int) -> None:
    versions = ("networking.k8s.io/v1", "extensions/v1beta1")[::order]
    target = FakeCluster()
    report = back(archive(*versions), target, dry_run=dry_run)
    assert report.complete, list(map(str, report.items))
    told = [str(item) for item in report.items if item.kind == "ingresses.extensions"]
    assert len(told) == 1
    assert "the same object as ingresses.networking.k8s.io of that name" in told[0]
    found = ("ingresses.networking.k8s.io", "shop", "front") in target.objects
    assert found is not dry_run


def refusals(store: MemoryStore, *, dry_run: bool) -> list[str]:
    """What is said of objects that are not restored, before or while it is done."""
    try:
        return [str(each) for each in back(store, FakeCluster(), dry_run=dry_run).bad]
    except RestoreRefused as refused:
        return str(refused).splitlines()


@pytest.mark.parametrize("dry_run", [True, False])
def test_where_neither_version_is_served_one_message_says_what_is(dry_run: bool) -> None:
    store = archive("networking.k8s.io/v1beta1", "extensions/v1beta1")
    [said] = [line for line in refusals(store, dry_run=dry_run) if "is not served; " in line]
    assert "networking.k8s.io/v1beta1 is not served; the target serves networking.k8s.io/v1" in said


@pytest.mark.parametrize("dry_run", [True, False])
def test_two_objects_of_one_name_are_not_taken_for_one(dry_run: bool) -> None:
    store = archive("networking.k8s.io/v1", "extensions/v1beta1", uids=("u1", "u2"))
    said = " ".join(refusals(store, dry_run=dry_run))
    assert "extensions/v1beta1 is not served; the target" in said


def test_one_that_stands_alone_is_not_left_out() -> None:
    report = back(archive("networking.k8s.io/v1"), FakeCluster())
    assert report.counts[Outcome.CREATED] == 2
