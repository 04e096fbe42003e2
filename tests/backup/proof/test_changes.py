"""What `backup diff` tells: additions, volume data, and nothing that follows from the rest."""

from __future__ import annotations

from typing import Any

from resilience.backup.catalog.catalog import Snapshot, opened
from resilience.backup.format.manifest import VolumeRecord
from resilience.backup.plans.volume_diff import volume_changes, volumes_not_compared
from resilience.backup.proof.compare import added, between
from resilience.backup.store.memory import MemoryStore
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, create
from resilience.cluster.interface import Object
from tests.backup.fakes import FakeClock, FakeCluster, config_map, deployment, shop


def taken(
    cluster: FakeCluster, store: MemoryStore, name: str, *records: VolumeRecord, **scope: Any
) -> Snapshot:
    request = Request(
        name=name,
        scope=Scope(namespaces=("shop",), **scope),
        volumes=lambda files, claims: records,
    )
    create(request, cluster, store, clock=FakeClock())
    return opened(store, name)


def owned_by(obj: Object, kind: str, api: str = "apps/v1") -> Object:
    owner = {"apiVersion": api, "kind": kind, "name": "o", "uid": "u", "controller": True}
    obj["metadata"]["ownerReferences"] = [owner]
    return obj


def pod(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop"}}


def test_what_was_added_to_the_cluster_is_told_and_what_controllers_make_is_not() -> None:
    cluster = shop()
    snapshot = taken(cluster, MemoryStore(), "one")
    account = {"apiVersion": "v1", "kind": "ServiceAccount"}
    ours = config_map("probe")
    ours["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "pytest-resilience"}
    cluster.add(
        config_map("another"),
        deployment("evil"),
        pod("bare"),
        owned_by(pod("evil-1"), "ReplicaSet"),
        owned_by(pod("odd"), "ReplicaSet", "example.com/v1"),
        config_map("kube-root-ca.crt"),
        account | {"metadata": {"name": "default", "namespace": "shop"}},
        ours,
    )
    cluster.namespace("elsewhere")
    cluster.add(config_map("far", "elsewhere"))
    found = [str(each) for each in added(snapshot, cluster, {"shop": "shop"})]
    assert sorted(found) == [
        "configmaps shop/another was added",
        "deployments.apps shop/evil was added",
        "pods shop/bare was added",
        "pods shop/odd was added",
    ]


def test_what_the_snapshot_was_not_to_take_is_no_addition() -> None:
    cluster = shop()
    snapshot = taken(cluster, MemoryStore(), "one", exclude_kinds=("configmaps",))
    cluster.add(config_map("another"))
    assert added(snapshot, cluster, {"shop": "shop"}) == []


def test_between_two_snapshots_derived_objects_are_left_out() -> None:
    cluster, store = shop(), MemoryStore()
    was = taken(cluster, store, "one")
    cluster.add(owned_by(pod("web-1"), "ReplicaSet"), config_map("new"))
    now = taken(cluster, store, "two")
    assert [str(each) for each in between(was, now)] == ["configmaps shop/new was added"]


def volume(claim: str, tree: str, size: int = 10240, sha256: str = "s") -> VolumeRecord:
    return VolumeRecord(
        namespace="shop", claim=claim, key=f"k/{claim}", bytes=size, sha256=sha256, tree=tree
    )


def test_changed_volume_data_is_reported() -> None:
    cluster, store = shop(), MemoryStore()
    was = taken(cluster, store, "one", volume("a", "1"), volume("b", "1"), volume("c", "1"))
    now = taken(
        cluster,
        store,
        "two",
        volume("a", "2", 10547),
        volume("b", "1", sha256="times of access differ"),
        volume("d", "1"),
    )
    assert volume_changes(was, now) == [
        "volume shop/a changed (10.0 KiB -> 10.3 KiB)",
        "volume shop/c was removed",
        "volume shop/d was added (10.0 KiB)",
    ]
    assert volumes_not_compared(was)[0] == (
        "volume shop/a: its data is not compared with the cluster"
    )
