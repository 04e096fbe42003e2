"""Owners and namespaces that lie outside: kept where they live, mapped where they move."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.backup.catalog.catalog import opened
from resilience.backup.objects.mapping import Targets
from resilience.backup.proof.compare import with_cluster
from resilience.backup.restore.outcome import Outcome
from resilience.backup.store.memory import MemoryStore
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, create
from resilience.cluster.interface import Object, Resource
from tests.backup.fakes import RESOURCES, FakeClock, FakeCluster, config_map, shop
from tests.backup.restore.restoring import brought_back, owned, stored

TENANTS = Resource("capsule.example.com", "v1", "tenants", "Tenant", False)


def tenanted() -> FakeCluster:
    source = shop()
    source.serve(TENANTS)
    acme = {"apiVersion": "capsule.example.com/v1", "kind": "Tenant", "metadata": {"name": "acme"}}
    source.add(acme)
    tenant = source.objects["tenants.capsule.example.com", "", "acme"]
    source.add(owned(config_map("owned"), tenant))
    return source


def owners_of(cluster: FakeCluster) -> Any:
    return cluster.objects["configmaps", "shop", "owned"]["metadata"].get("ownerReferences")


def test_an_unchanged_namespace_with_an_owner_outside_is_equal() -> None:
    source = tenanted()
    report = brought_back(stored(source), source)
    assert set(report.counts) == {Outcome.EQUAL}


def test_a_living_owner_is_kept_and_its_loss_is_a_difference() -> None:
    source = tenanted()
    store = stored(source)
    before = owners_of(source)
    del source.objects["configmaps", "shop", "owned"]
    assert brought_back(store, source).complete
    assert owners_of(source) == before
    assert with_cluster(opened(store, "one"), source).changes == []
    del source.objects["configmaps", "shop", "owned"]["metadata"]["ownerReferences"]
    (change,) = with_cluster(opened(store, "one"), source).changes
    assert "/metadata/ownerReferences was removed" in str(change)


@pytest.mark.parametrize("other", [True, False], ids=["another of that name", "none"])
def test_an_owner_that_is_gone_is_dropped_and_reported(other: bool) -> None:
    store, target = stored(tenanted()), FakeCluster((*RESOURCES, TENANTS))
    if other:
        body = {"apiVersion": "capsule.example.com/v1", "kind": "Tenant"}
        target.add(body | {"metadata": {"name": "acme"}})
        target.objects["tenants.capsule.example.com", "", "acme"]["metadata"]["uid"] = "other"
    report = brought_back(store, target)
    assert owners_of(target) is None
    (item,) = [each for each in report.items if each.name == "owned"]
    assert "without its owner Tenant acme" in item.rewrites
    proof = with_cluster(opened(store, "one"), target)
    assert proof.changes == []
    assert any("the owner does not exist" in line for line in proof.excuses())


def bound(kind: str, *subjects: Object) -> Object:
    namespace = {"namespace": "shop"} if kind == "RoleBinding" else {}
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": "b", **namespace},
        "roleRef": {"kind": "ClusterRole", "name": "reader"},
        "subjects": [dict(each) for each in subjects],
    }


GROUP = {"kind": "Group", "name": "system:serviceaccounts:shop"}
USER = {"kind": "User", "name": "system:serviceaccount:shop:default"}
ACCOUNT = {"kind": "ServiceAccount", "name": "default", "namespace": "shop"}
OTHERS = [
    {"kind": "Group", "name": "system:serviceaccounts"},
    {"kind": "Group", "name": "system:serviceaccounts:shop2"},
    {"kind": "User", "name": "shop"},
    {"kind": "ServiceAccount", "name": "without-a-namespace"},
]


def test_subjects_in_every_form_follow_the_mapping() -> None:
    source = shop()
    source.add(bound("RoleBinding", GROUP, USER, ACCOUNT, *OTHERS))
    store, target = stored(source), FakeCluster()
    targets = Targets(namespaces={"shop": "copy"})
    assert brought_back(store, target, targets=targets).complete
    back = target.objects["rolebindings.rbac.authorization.k8s.io", "copy", "b"]
    assert back["subjects"] == [
        GROUP | {"name": "system:serviceaccounts:copy"},
        USER | {"name": "system:serviceaccount:copy:default"},
        ACCOUNT | {"namespace": "copy"},
        *OTHERS,
    ]
    assert with_cluster(opened(store, "one"), target, namespaces=targets.namespaces).changes == []
    back["subjects"][0]["name"] = GROUP["name"]
    (change,) = with_cluster(opened(store, "one"), target, namespaces=targets.namespaces).changes
    assert "/subjects/0/name" in str(change)


@pytest.mark.parametrize("subject", [GROUP, USER, ACCOUNT])
def test_a_cluster_role_binding_of_the_namespaces_accounts_is_taken_along(subject: Object) -> None:
    source = shop()
    source.add(bound("ClusterRoleBinding", subject))
    source.add(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "reader"},
        }
    )
    store, target = stored(source), FakeCluster()
    brought_back(store, target)
    assert ("clusterrolebindings.rbac.authorization.k8s.io", "", "b") in target.objects
    assert ("clusterroles.rbac.authorization.k8s.io", "", "reader") in target.objects


def test_a_binding_of_others_is_not_taken_along() -> None:
    source = shop()
    source.add(bound("ClusterRoleBinding", *OTHERS))
    target = FakeCluster()
    brought_back(stored(source), target)
    assert ("clusterrolebindings.rbac.authorization.k8s.io", "", "b") not in target.objects


SERVICE = {"name": "s", "namespace": "shop"}
ADMISSION = "admissionregistration.k8s.io/v1"


@pytest.mark.parametrize(
    ("api", "kind", "body", "path"),
    [
        (
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            {"spec": {"conversion": {"webhook": {"clientConfig": {"service": SERVICE}}}}},
            ("spec", "conversion", "webhook", "clientConfig", "service"),
        ),
        (
            ADMISSION,
            "ValidatingWebhookConfiguration",
            {"webhooks": [{"clientConfig": {"service": SERVICE}}]},
            ("webhooks", 0, "clientConfig", "service"),
        ),
        (
            ADMISSION,
            "MutatingWebhookConfiguration",
            {"webhooks": [{"clientConfig": {"service": SERVICE}}]},
            ("webhooks", 0, "clientConfig", "service"),
        ),
        (
            "apiregistration.k8s.io/v1",
            "APIService",
            {"spec": {"service": SERVICE}},
            ("spec", "service"),
        ),
        ("v1", "PersistentVolume", {"spec": {"claimRef": SERVICE}}, ("spec", "claimRef")),
    ],
)
def test_a_namespace_inside_of_a_cluster_scoped_object_follows(
    api: str, kind: str, body: Object, path: tuple[str | int, ...]
) -> None:
    obj = {"apiVersion": api, "kind": kind, "metadata": {"name": "x"}} | body
    Targets(namespaces={"shop": "copy"}).apply(obj)
    held: Any = obj
    for step in path:
        held = held[step]
    assert held["namespace"] == "copy"


def test_a_status_comes_back_on_request_and_is_noted_otherwise() -> None:
    widgets = Resource("example.com", "v1", "widgets", "Widget")
    source = FakeCluster((*RESOURCES, widgets))
    source.namespace("shop")
    source.add(
        {
            "apiVersion": "example.com/v1",
            "kind": "Widget",
            "metadata": {"name": "w", "namespace": "shop"},
            "status": {"lease": "abc"},
        }
    )
    store = MemoryStore()
    create(Request(name="one", scope=Scope(namespaces=("shop",))), source, store, clock=FakeClock())
    target = FakeCluster((*RESOURCES, widgets))
    report = brought_back(store, target)
    (item,) = [each for each in report.items if each.name == "w"]
    assert "status left to its controller" in item.rewrites
    assert "status" not in target.objects["widgets.example.com", "shop", "w"]
    target = FakeCluster((*RESOURCES, widgets))
    report = brought_back(store, target, status=("widgets.*",))
    assert report.complete
    assert target.objects["widgets.example.com", "shop", "w"]["status"] == {"lease": "abc"}
