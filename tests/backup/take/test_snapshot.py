"""A snapshot is complete or it is not there."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Sequence
from typing import Any

import pytest

from resilience.backup.catalog.catalog import opened, snapshots
from resilience.backup.catalog.verify import verify
from resilience.backup.format import layout
from resilience.backup.format.errors import (
    BadRequest,
    Exists,
    Incomplete,
    OverwritesSilently,
    StoreFull,
)
from resilience.backup.format.manifest import VolumeRecord
from resilience.backup.store.memory import MemoryStore
from resilience.backup.store.snapshot_files import Files
from resilience.backup.take import continued
from resilience.backup.take.collect import collect
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, create
from resilience.cluster.errors import Forbidden, Gone, ServerTrouble, Throttled
from resilience.cluster.interface import Object
from tests.backup.fakes import FakeClock, FakeCluster, config_map, deployment, secret, shop

SHOP = Scope(namespaces=("shop",))


def snapshot(
    cluster: FakeCluster,
    store: MemoryStore,
    name: str = "one",
    scope: Scope = SHOP,
) -> None:
    create(Request(name=name, scope=scope), cluster, store, clock=FakeClock())


def test_a_snapshot_holds_what_velero_reads_and_is_intact() -> None:
    cluster, store = shop(), MemoryStore()
    snapshot(cluster, store)
    assert set(store.directories()) <= layout.KNOWN_DIRECTORIES
    marker = json.loads(store.files["backups/one/velero-backup.json"])
    assert (marker["apiVersion"], marker["kind"]) == ("velero.io/v1", "Backup")
    assert (marker["metadata"]["name"], marker["status"]["phase"]) == ("one", "Completed")
    names = gzip.decompress(store.files["backups/one/one-resource-list.json.gz"])
    assert json.loads(names) == {
        "v1/ConfigMap": ["shop/settings"],
        "v1/Secret": ["shop/password"],
        "v1/Service": ["shop/checkout"],
        "apps/v1/Deployment": ["shop/checkout"],
        "v1/Namespace": ["shop"],
    }
    with tarfile.open(fileobj=io.BytesIO(store.files["backups/one/one.tar.gz"])) as tar:
        assert "resources/namespaces/cluster/shop.json" in tar.getnames()
    assert verify(opened(store, "one")).intact


def test_the_data_of_a_generic_ephemeral_volume_is_left_to_its_pod() -> None:
    cluster, store, seen = shop(), MemoryStore(), list[tuple[str, str, str]]()
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "w-0", "uid": "u", "controller": True}
    for name, owners in (("data", []), ("w-0-scratch", [owner])):
        metadata = {"name": name, "namespace": "shop", "ownerReferences": owners}
        cluster.add({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata,
                     "spec": {"volumeName": f"pv-{name}"}})  # fmt: skip

    def take(files: Files, claims: Sequence[tuple[str, str, str]]) -> list[VolumeRecord]:
        seen.extend(claims)
        return []

    request = Request(name="one", scope=SHOP, volumes=take)
    manifest = create(request, cluster, store, clock=FakeClock())
    assert seen == [("shop", "data", "pv-data")]
    assert any("an ephemeral volume of Pod w-0" in each for each in manifest.warnings)


@pytest.mark.parametrize(
    ("phase", "read", "without"),
    [("Bound", True, True), ("Lost", False, True), ("Pending", False, False), ("", True, True)],
)
def test_the_data_of_a_claim_that_is_not_bound_is_not_waited_for(
    phase: str, read: bool, without: bool
) -> None:
    """A Lost one once had data, so a snapshot without it is not enough."""
    cluster, store, seen = shop(), MemoryStore(), list[tuple[str, str, str]]()
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": {"volumeName": "pv"},
             "metadata": {"name": "data", "namespace": "shop"}}  # fmt: skip
    cluster.add(claim | ({"status": {"phase": phase}} if phase else {}))

    def take(files: Files, claims: Sequence[tuple[str, str, str]]) -> list[VolumeRecord]:
        seen.extend(each for each in claims if each[2])
        return []

    request = Request(name="one", scope=SHOP, volumes=take)
    manifest = create(request, cluster, store, clock=FakeClock())
    assert bool(seen) is read
    assert manifest.claims_without_data == (("shop/data",) if without else ())
    told = f"its data is not taken: it is {phase}, and not bound to its volume pv"
    assert any(told in each for each in manifest.warnings) is not read
    assert continued._claims(request, cluster, FakeClock()) == (
        [] if phase == "Lost" else [("shop", "data", "pv" if read else "")]
    )


def test_the_marker_is_written_last() -> None:
    written: list[str] = []
    snapshot(shop(), MemoryStore(on_write=written.append))
    assert written[-3:] == [layout.manifest("one"), layout.signature("one"), layout.marker("one")]


def test_the_same_cluster_gives_the_same_archive() -> None:
    store = MemoryStore()
    snapshot(shop(), store, "one")
    snapshot(shop(), store, "two")
    assert store.files["backups/one/one.tar.gz"] == store.files["backups/two/two.tar.gz"]


def test_nothing_stays_behind_at_whichever_write_the_store_fills_up() -> None:
    written: list[str] = []
    snapshot(shop(), MemoryStore(on_write=written.append))
    assert len(written) > 8
    for number in range(2, len(written)):
        count = iter(range(100))

        def full(key: str, number: int = number, count: object = count) -> None:
            if next(count) == number:  # type: ignore[call-overload]
                raise StoreFull("no space left")

        store = MemoryStore(on_write=full)
        with pytest.raises(StoreFull):
            snapshot(shop(), store)
        assert [key for key in store.files if key.startswith("backups/")] == []


def forbid_secrets(verb: str, kind: str, namespace: str, name: str) -> None:
    if kind == "secrets" and verb == "list":
        raise Forbidden(403, "secrets is forbidden")


def test_a_forbidden_kind_fails_the_snapshot_and_is_named() -> None:
    cluster, store = shop(), MemoryStore()
    cluster.faults.append(forbid_secrets)
    with pytest.raises(Incomplete, match="secrets in shop: forbidden"):
        snapshot(cluster, store)
    assert snapshots(store) == []


def test_an_accepted_forbidden_kind_is_recorded_as_forbidden() -> None:
    cluster, store = shop(), MemoryStore()
    cluster.faults.append(forbid_secrets)
    snapshot(cluster, store, scope=Scope(namespaces=("shop",), accept=("secrets",)))
    manifest = opened(store, "one").manifest
    assert manifest
    assert ("secrets", "forbidden") in {(each.kind, each.status) for each in manifest.coverage}
    assert any("secrets shop/password" in warning for warning in manifest.warnings)


def test_a_group_that_cannot_be_discovered_fails_the_snapshot() -> None:
    cluster, store = shop(), MemoryStore()
    cluster.broken_groups["metrics.k8s.io"] = ServerTrouble(503, "the server is unavailable")
    with pytest.raises(Incomplete, match=r"metrics\.k8s\.io/v1: undiscoverable"):
        snapshot(cluster, store)
    snapshot(cluster, store, scope=Scope(namespaces=("shop",), accept=("metrics.k8s.io/*",)))
    assert verify(opened(store, "one")).intact


@pytest.mark.parametrize(
    "trouble",
    [
        Gone(410, "the continue parameter is too old"),
        ServerTrouble(500, "etcd leader changed"),
        Throttled(429, "slow down", retry_after=3.0),
    ],
)
def test_a_list_that_breaks_off_is_continued_without_doubles(trouble: Exception) -> None:
    cluster, store = shop(), MemoryStore()
    cluster.add(*(config_map(f"cm-{number:04}") for number in range(1200)))
    broken = [trouble]

    def fault(verb: str, kind: str, namespace: str, name: str) -> None:
        if (verb, kind, name) == ("list", "configmaps", "500") and broken:
            raise broken.pop()

    cluster.faults.append(fault)
    snapshot(cluster, store)
    lines = [
        line.address.name
        for line in opened(store, "one").contents
        if line.address.resource == "configmaps"
    ]
    assert lines == sorted({*lines})
    assert len(lines) == 1201
    assert verify(opened(store, "one")).intact


class NoOrder(FakeCluster):
    """Lists the newest first, as an aggregated API server may."""

    def find(self, *asked: Any, **more: Any) -> list[Object]:
        return list(reversed(super().find(*asked, **more)))


@pytest.mark.parametrize("breaks_off", [False, True])
def test_a_list_without_order_that_breaks_off_has_failed(breaks_off: bool) -> None:
    """What follows its last key is not the rest: skipping to it would lose most of the objects."""
    cluster, store = NoOrder(), MemoryStore()
    cluster.namespace("shop")
    cluster.add(*(config_map(f"cm-{number:04}") for number in range(1200)))

    def fault(verb: str, kind: str, namespace: str, name: str) -> None:
        if breaks_off and (verb, kind, name) == ("list", "configmaps", "500"):
            raise Gone(410, "the continue parameter is too old")

    cluster.faults.append(fault)
    if breaks_off:
        with pytest.raises(Incomplete, match=r"configmaps.*does not sort it by name"):
            snapshot(cluster, store)
        return
    snapshot(cluster, store)
    assert sum(line.kind == "ConfigMap" for line in opened(store, "one").contents) == 1200


def test_what_changed_while_the_snapshot_was_taken_is_named() -> None:
    cluster, store = shop(), MemoryStore()

    def meddle(verb: str, kind: str, namespace: str, name: str) -> None:
        if (verb, kind) == ("list", "deployments.apps"):
            cluster.faults.clear()
            cluster.objects["configmaps", "shop", "settings"]["metadata"]["resourceVersion"] = "9"
            cluster.add(secret("new"))
            del cluster.objects["services", "shop", "checkout"]

    cluster.faults.append(meddle)
    snapshot(cluster, store)
    manifest = opened(store, "one").manifest
    assert manifest
    changed = {each.kind: list(each.changed) for each in manifest.coverage if each.changed}
    assert changed == {
        "configmaps": ["shop/settings changed"],
        "secrets": ["shop/new created"],
        "services": ["shop/checkout deleted"],
    }


def test_a_missing_secret_is_reported_as_dangling() -> None:
    cluster, store = shop(), MemoryStore()
    del cluster.objects["secrets", "shop", "password"]
    snapshot(cluster, store)
    manifest = opened(store, "one").manifest
    assert manifest
    assert manifest.warnings == (
        "secrets shop/password is referred to, but is not in the snapshot",
    )


def test_cluster_scoped_objects_that_are_needed_come_along() -> None:
    cluster, store = shop(), MemoryStore()
    cluster.add(
        {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "fast"}},
        {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "other"}},
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "pv-7"}},
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "data", "namespace": "shop"},
            "spec": {"storageClassName": "fast", "volumeName": "pv-7"},
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "reader"},
            "rules": [],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "shop-reads"},
            "roleRef": {"kind": "ClusterRole", "name": "reader"},
            "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": "shop"}],
        },
    )
    snapshot(cluster, store)
    names = {
        (line.address.resource, line.address.name)
        for line in opened(store, "one").contents
        if not line.address.namespace
    }
    assert names == {
        ("namespaces", "shop"),
        ("storageclasses.storage.k8s.io", "fast"),
        ("persistentvolumes", "pv-7"),
        ("clusterroles.rbac.authorization.k8s.io", "reader"),
        ("clusterrolebindings.rbac.authorization.k8s.io", "shop-reads"),
    }


def role(name: str, *parts: str, **labels: str) -> Object:
    """A ClusterRole; `parts` are values of the label `into` that it selects."""
    selectors = [{"matchLabels": {"into": each}} for each in parts]
    made: Object = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
                    "metadata": {"name": name, "labels": labels}, "rules": []}  # fmt: skip
    return made | ({"aggregationRule": {"clusterRoleSelectors": selectors}} if parts else {})


def bound_to(name: str) -> Object:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": f"shop-{name}"},
        "roleRef": {"kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": "shop"}],
    }


def test_the_roles_that_an_aggregated_role_consists_of_come_along() -> None:
    """With rings, and without default roles and what says that it stays out."""
    cluster, store = shop(), MemoryStore()
    cluster.add(
        bound_to("whole"),
        role("whole", "it", "ring"),
        role("part", into="it"),
        role("ring", "it", "ring", into="ring"),
        role("other", into="others"),
        role("standard", into="it", **{"kubernetes.io/bootstrapping": "rbac-defaults"}),
        role("hidden", into="it", **{"velero.io/exclude-from-backup": "true"}),
    )
    snapshot(cluster, store)
    kept = opened(store, "one")
    names = [line.address.name for line in kept.contents if line.kind == "ClusterRole"]
    assert sorted(names) == ["part", "ring", "whole"]
    assert kept.manifest
    assert kept.manifest.warnings == (
        "clusterroles.rbac.authorization.k8s.io hidden: labelled velero.io/exclude-from-backup",
    )


def test_parts_that_may_not_be_listed_fail_the_snapshot() -> None:
    cluster = shop()

    def fault(verb: str, kind: str, namespace: str, name: str) -> None:
        if (verb, kind) == ("list", "clusterroles.rbac.authorization.k8s.io"):
            raise Forbidden(403, "no")

    cluster.faults.append(fault)
    cluster.add(bound_to("plain"), role("plain"))
    snapshot(cluster, MemoryStore())  # nothing is listed for a role of its own rules
    cluster.add(bound_to("whole"), role("whole", "it"))
    with pytest.raises(Incomplete, match="clusterroles"):
        snapshot(cluster, MemoryStore())


@pytest.mark.parametrize(("group", "taken"), [("", False), ("vm.example.com/", True)])
def test_only_an_ephemeral_volumes_data_is_left_to_its_pod(group: str, taken: bool) -> None:
    cluster = shop()
    cluster.add({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": {"volumeName": "pv"},
        "metadata": {"name": "disk", "namespace": "shop", "ownerReferences": [
            {"apiVersion": f"{group}v1", "kind": "Pod", "name": "m", "uid": "u",
             "controller": True}]},
    })  # fmt: skip
    found = collect(cluster, SHOP, lambda resource, obj: None, clock=FakeClock())
    assert found.claims == ([("shop", "disk", "pv")] if taken else [])


def test_a_role_may_have_any_name_that_a_cluster_accepts() -> None:
    odd = ["x\n::error::y\x1b[2J", "a\u00a0b", "..x", "ü" * 300]
    cluster, store = shop(), MemoryStore()
    for name in odd:
        about = {"name": name, "namespace": "shop"}
        cluster.add(bound_to("view") | {"kind": "RoleBinding", "metadata": about})
    snapshot(cluster, store)
    kept = opened(store, "one")
    assert verify(kept).intact
    names = [each.parsed()["metadata"]["name"] for each in kept.contents.objects()]
    assert set(odd) < set(names)


def test_exclusions_by_label_kind_and_namespace_are_honoured() -> None:
    cluster, store = shop(), MemoryStore()
    cluster.namespace("quiet", labels={"velero.io/exclude-from-backup": "true"})
    cluster.namespace("shop-two")
    cluster.add(config_map("hidden"), config_map("there", "shop-two"), config_map("q", "quiet"))
    labels = cluster.objects["configmaps", "shop", "hidden"]["metadata"].setdefault("labels", {})
    labels["velero.io/exclude-from-backup"] = "true"
    scope = Scope(namespaces=("shop*", "quiet"), exclude_kinds=("secrets",))
    snapshot(cluster, store, scope=scope)
    names = {
        (line.address.namespace, line.address.name)
        for line in opened(store, "one").contents
        if line.address.resource in ("configmaps", "secrets")
    }
    assert names == {("shop", "settings"), ("shop-two", "there")}


def test_all_namespaces_are_listed_at_once() -> None:
    cluster, store = shop(), MemoryStore()
    cluster.add(deployment("api", "kube-system"))
    snapshot(cluster, store, scope=Scope())
    lists = {(kind, ns) for verb, kind, ns, _ in cluster.requests if verb == "list"}
    assert ("deployments.apps", "") in lists
    assert ("deployments.apps", "shop") not in lists
    assert verify(opened(store, "one")).intact


def test_a_namespace_that_does_not_exist_is_named_with_what_there_is() -> None:
    with pytest.raises(BadRequest, match=r"namespace shpo does not exist.*kube-system, shop"):
        snapshot(shop(), MemoryStore(), scope=Scope(namespaces=("shpo",)))


def test_a_name_that_is_taken_is_refused_before_anything_is_listed() -> None:
    cluster, store = shop(), MemoryStore()
    snapshot(cluster, store)
    before = dict(store.files)
    cluster.requests.clear()
    with pytest.raises(Exists, match="exists or its creation was interrupted"):
        snapshot(cluster, store)
    assert cluster.requests == []
    assert store.files == before


def test_a_store_that_overwrites_silently_is_found_and_named() -> None:
    store = MemoryStore(honours_create_only=False)
    with pytest.raises(OverwritesSilently, match="memory: ignores create-only writes"):
        snapshot(shop(), store)
    assert snapshots(store) == []


def test_the_manifest_stays_small_whatever_was_left_out() -> None:
    cluster, store = shop(), MemoryStore()
    for number in range(700):
        hidden = config_map(f"h-{number}")
        hidden["metadata"]["labels"] = {"velero.io/exclude-from-backup": "true"}
        cluster.add(hidden)
    snapshot(cluster, store)
    manifest = opened(store, "one").manifest
    assert manifest
    assert len(manifest.warnings) == 501
    assert manifest.warnings[-1] == "and 200 more"


def test_a_plan_whose_name_is_no_label_is_still_listed_by_velero() -> None:
    cluster, store = shop(), MemoryStore()
    request = Request(name="one", plan="p" * 70, scope=SHOP)
    create(request, cluster, store, clock=FakeClock())
    labels = json.loads(store.files["backups/one/velero-backup.json"])["metadata"]["labels"]
    assert all(len(value) <= 63 for value in labels.values())
