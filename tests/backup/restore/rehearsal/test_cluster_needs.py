"""What no API server refuses and can never work is told by the rehearsal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from resilience.backup.catalog.catalog import Snapshot, opened
from resilience.backup.data.volume_decisions import Act, Decision
from resilience.backup.format.errors import RestoreRefused
from resilience.backup.format.manifest import VolumeRecord
from resilience.backup.objects.mapping import Targets
from resilience.backup.objects.selection import Selection
from resilience.backup.restore.rehearsal.cluster_needs import ClusterNeeds
from resilience.backup.restore.restore import restore
from resilience.backup.restore.restore_request import RestoreRequest
from resilience.backup.store.memory import MemoryStore
from resilience.cluster.errors import Forbidden
from resilience.cluster.interface import Object
from tests.backup.fakes import FakeClock, FakeCluster, deployment
from tests.backup.restore.rehearsal.test_rehearsal_of_restore import kept

CLAIM: Object = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "data", "namespace": "shop"},
    "spec": {"storageClassName": "fast", "accessModes": ["ReadWriteOnce"]},
}
FAST: Object = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
                "metadata": {"name": "fast"}, "provisioner": "p"}  # fmt: skip


class OneVolume:
    """Data for the claim; nothing is written."""

    filled = 0

    def decide(
        self,
        snapshot: Snapshot,
        targets: Targets,
        wanted: Callable[[str, str], bool],
        *,
        look: bool,
    ) -> Sequence[Decision]:
        record = VolumeRecord(namespace="shop", claim="data", key="k", bytes=1, sha256="")
        return [Decision(record, "shop", Act.FILL, "its claim is created")]

    def fill(self, snapshot: Snapshot, decisions: Sequence[Decision]) -> list[str]:
        self.filled += 1
        return []


def asked(store: MemoryStore, target: FakeCluster, **options: Any) -> Iterator[str]:
    given: dict[str, Any] = {"name": "back", "workers": 1, "dry_run": True} | options
    given.setdefault("selection", Selection(cluster_scoped=False))
    report = restore(RestoreRequest(**given), opened(store, "one"), target, clock=FakeClock())
    yield from (str(each) for each in report.bad)
    yield from report.notes


@pytest.fixture
def target() -> FakeCluster:
    cluster = FakeCluster()
    cluster.namespace("shop")
    return cluster


def test_data_for_a_class_that_is_gone_refuses_the_restore(target: FakeCluster) -> None:
    volume, store = OneVolume(), kept(CLAIM)
    (told,) = asked(store, target, volumes=volume)
    assert "storageclasses.storage.k8s.io fast is neither on this cluster nor" in told
    assert "--map-storage-class fast=NAME" in told
    (told,) = asked(store, target, volumes=volume, targets=Targets(
        storage_classes={"fast": "nosuch"}))  # fmt: skip
    assert "storageclasses.storage.k8s.io nosuch is neither" in told
    assert "--map-storage-class fast=NAME" in told
    before = set(target.objects)
    with pytest.raises(RestoreRefused, match="fast is neither on this cluster"):
        list(asked(store, target, volumes=volume, dry_run=False))
    assert (set(target.objects), volume.filled) == (before, 0)
    other = {**FAST, "metadata": {"name": "other"}}
    target.add(other)
    assert not list(asked(store, target, volumes=volume, targets=Targets(
        storage_classes={"fast": "other"})))  # fmt: skip


def test_a_claim_without_data_is_created_and_told_once(target: FakeCluster) -> None:
    (told,) = asked(kept(CLAIM), target, dry_run=False)
    assert told.startswith("PersistentVolumeClaim data: storageclasses.storage.k8s.io fast")
    assert "stays Pending" in told
    assert ("persistentvolumeclaims", "shop", "data") in target.objects


@pytest.mark.parametrize("made", ["class", "volume of the class", "reserved volume", "unreadable"])
def test_a_class_that_is_there_or_is_only_a_word_is_no_problem(
    target: FakeCluster, made: str
) -> None:
    spec: Object = {"storageClassName": "fast", "persistentVolumeReclaimPolicy": "Retain"}
    volume: Object = {"apiVersion": "v1", "kind": "PersistentVolume",
                      "metadata": {"name": "pv"}, "spec": spec}  # fmt: skip
    more: list[Object] = []
    if made == "class":
        target.add(FAST)
    elif made == "volume of the class":
        target.add(volume)
    elif made == "reserved volume":
        spec["claimRef"] = {"namespace": "shop", "name": "data"}
        more = [volume]
    else:

        def fault(verb: str, kind: str, namespace: str, name: str) -> None:
            if kind == "storageclasses.storage.k8s.io":
                raise Forbidden(403, "no")

        target.faults.append(fault)
    bound = {**CLAIM, "spec": {**CLAIM["spec"], "volumeName": "pv"}} if more else CLAIM
    assert not list(asked(kept(bound, *more), target, volumes=OneVolume(), selection=Selection()))


@pytest.mark.parametrize(
    ("field", "kind"),
    [("priorityClassName", "priorityclasses.scheduling.k8s.io"),
     ("runtimeClassName", "runtimeclasses.node.k8s.io")],
)  # fmt: skip
def test_a_workload_whose_pods_will_be_refused_is_told(
    target: FakeCluster, field: str, kind: str
) -> None:
    (told,) = asked(kept(deployment("web", **{field: "gone"})), target)
    assert told == (
        f"Deployment web: {kind} gone is neither on this cluster nor in what is restored, so its "
        "Pods are refused"
    )


SELECTING: Object = {**CLAIM, "spec": {**CLAIM["spec"], "selector": {"matchLabels": {"app": "db"}}}}


def volume(**spec: Any) -> Object:
    return {"apiVersion": "v1", "kind": "PersistentVolume",
            "metadata": {"name": "disk", "labels": {"app": "db"}},
            "spec": {"storageClassName": "fast", **spec}}  # fmt: skip


@pytest.mark.parametrize(
    "there",
    [
        (),
        (volume(storageClassName="other"),),
        (volume(claimRef={"namespace": "bank", "name": "data"}),),
        ({**volume(), "metadata": {"name": "disk", "labels": {"app": "web"}}},),
    ],
)
def test_a_claim_whose_selector_finds_no_volume_stays_pending(
    target: FakeCluster, there: Sequence[Object]
) -> None:
    for each in (FAST, *there):
        target.add(each)
    (told,) = asked(kept(SELECTING), target)
    assert "PersistentVolumeClaim data: no volume on this cluster has the labels" in told
    data = OneVolume()
    with pytest.raises(RestoreRefused, match="stays Pending: remove /spec/selector"):
        list(asked(kept(SELECTING), target, volumes=data, dry_run=False))
    assert data.filled == 0


@pytest.mark.parametrize(
    ("claim", "there"),
    [
        (SELECTING, (volume(),)),
        (SELECTING, (volume(claimRef={"namespace": "shop", "name": "data"}),)),
        (CLAIM, ()),
    ],
)
def test_a_claim_that_has_a_volume_or_selects_none_is_not_told(
    target: FakeCluster, claim: Object, there: Sequence[Object]
) -> None:
    for each in (FAST, *there):
        target.add(each)
    assert not list(asked(kept(claim), target))


UNBOUND: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "data", "namespace": "shop"},
    "spec": {"selector": {"matchLabels": {"disk": "fast"}}},
}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, True),
        ({"kind": "Widget", "apiVersion": "example.com/v1"}, False),
        ({"spec": "text"}, False),
        ({"spec": {"selector": "disk=fast"}}, False),
        ({"spec": {**UNBOUND["spec"], "volumeName": "pv-1"}}, False),
    ],
)
def test_only_a_claim_that_selects_and_has_no_volume_is_unmatched(
    changed: dict[str, Any], expected: bool
) -> None:
    assert ClusterNeeds(FakeCluster()).unmatched(UNBOUND | changed) is expected


def test_a_claim_is_not_unmatched_where_volumes_cannot_be_listed() -> None:
    cluster = FakeCluster()

    def unreadable(verb: str, kind: str, namespace: str, name: str) -> None:
        raise Forbidden(403, "no")

    cluster.faults.append(unreadable)
    assert ClusterNeeds(cluster).unmatched(UNBOUND) is False
