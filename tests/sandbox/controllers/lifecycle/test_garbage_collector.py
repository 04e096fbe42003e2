"""Garbage collection and namespace deletion (rules 3.11, 3.10)."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.controllers.lifecycle.garbage_plan import GarbageVerdict, OwnerState, judge
from resilience.sandbox.kube.api import ApiError, Obj
from resilience.sandbox.kube.object_edits import condition
from tests.sandbox.controllers.world import World, deployment, pod, replicaset

KIND, SETS = "deployments.apps", "replicasets.apps"


@pytest.fixture
def running(world: World) -> World:
    """A Deployment with three Pods."""
    world.create(KIND, deployment())
    world.run(5)
    return world


def a_map(name: str, *owners: Obj, namespace: str = "default", block: bool = False) -> Obj:
    references = [
        {
            "apiVersion": o["apiVersion"], "kind": o["kind"], "name": o["metadata"]["name"],
            "uid": o["metadata"]["uid"], "blockOwnerDeletion": block,
        }
        for o in owners
    ]  # fmt: skip
    return {"metadata": {"name": name, "namespace": namespace, "ownerReferences": references}}


def test_background_removes_the_owner_at_once_and_dependents_after_it(running: World) -> None:
    running.delete(KIND, "web", propagation="Background")
    assert running.find(KIND, "web") is None
    assert len(running.all("pods")) == 3
    running.run(0)
    assert running.all(SETS) == []
    running.run(1.1)
    assert running.all("pods") == []


def test_foreground_keeps_the_owner_until_its_dependents_are_gone(running: World) -> None:
    running.delete(KIND, "web", propagation="Foreground")
    running.run(0.9)
    owner = running.get(KIND, "web")
    assert owner["metadata"]["finalizers"] == ["foregroundDeletion"]
    assert len(running.all("pods")) == 3
    running.run(0.2)
    assert running.find(KIND, "web") is None
    assert running.all(SETS) == []
    assert running.all("pods") == []


def test_foreground_does_not_wait_for_dependents_that_do_not_block(world: World) -> None:
    owner = world.create("configmaps", {"metadata": {"name": "owner"}})
    held = a_map("held", owner)
    held["metadata"]["finalizers"] = ["example.com/hold"]
    world.create("configmaps", held)
    world.delete("configmaps", "owner", propagation="Foreground")
    world.run(0)
    assert world.find("configmaps", "owner") is None


def test_foreground_waits_for_dependents_that_block(world: World) -> None:
    owner = world.create("configmaps", {"metadata": {"name": "owner"}})
    held = a_map("held", owner, block=True)
    held["metadata"]["finalizers"] = ["example.com/hold"]
    world.create("configmaps", held)
    world.delete("configmaps", "owner", propagation="Foreground")
    world.run(60)
    assert world.find("configmaps", "owner") is not None
    world.patch("configmaps", "held", {"metadata": {"finalizers": None}})
    world.run(0)
    assert world.find("configmaps", "owner") is None


def test_orphaning_takes_the_references_off_and_leaves_dependents(running: World) -> None:
    running.delete(KIND, "web", propagation="Orphan")
    running.run(0)
    assert running.find(KIND, "web") is None
    assert "ownerReferences" not in running.all(SETS)[0]["metadata"]
    assert len(running.pods()) == 3


def test_an_orphaned_set_is_adopted_by_the_deployment_made_again(running: World) -> None:
    running.delete(KIND, "web", propagation="Orphan")
    running.run(0)
    before = {p["metadata"]["uid"] for p in running.pods()}
    again = running.create(KIND, deployment())
    running.run(5)
    assert running.all(SETS)[0]["metadata"]["ownerReferences"][0]["uid"] == again["metadata"]["uid"]
    assert {p["metadata"]["uid"] for p in running.pods()} == before


def test_a_dependent_stays_while_one_owner_is_left_and_loses_the_other(world: World) -> None:
    one = world.create("configmaps", {"metadata": {"name": "one"}})
    two = world.create("configmaps", {"metadata": {"name": "two"}})
    world.create("configmaps", a_map("child", one, two))
    world.delete("configmaps", "one")
    world.run(0)
    references = world.get("configmaps", "child")["metadata"]["ownerReferences"]
    assert [r["name"] for r in references] == ["two"]
    world.delete("configmaps", "two")
    world.run(0)
    assert world.find("configmaps", "child") is None


def test_an_owner_of_the_same_name_with_another_uid_is_no_owner(world: World) -> None:
    owner = world.create("configmaps", {"metadata": {"name": "owner"}})
    child = a_map("child", owner)
    child["metadata"]["ownerReferences"][0]["uid"] = "an-old-uid"
    world.create("configmaps", child)
    world.run(0)
    assert world.find("configmaps", "child") is None


def test_an_owner_in_another_namespace_is_no_owner_and_an_event_says_so(world: World) -> None:
    world.create("namespaces", {"metadata": {"name": "other"}})
    owner = world.create("configmaps", {"metadata": {"name": "owner"}}, namespace="other")
    world.create("configmaps", a_map("child", owner))
    world.run(0)
    assert world.find("configmaps", "child") is None
    assert len(world.events("OwnerRefInvalidNamespace", "child")) == 1


def test_an_owner_of_a_kind_nobody_serves_is_never_taken_for_gone(world: World) -> None:
    child = a_map("child")
    child["metadata"]["ownerReferences"] = [
        {"apiVersion": "example.com/v1", "kind": "Thing", "name": "x", "uid": "u"}
    ]
    world.create("configmaps", child)
    world.run(60)
    assert world.find("configmaps", "child") is not None


S, D, W = OwnerState.SOLID, OwnerState.DANGLING, OwnerState.WAITING


@pytest.mark.parametrize(
    ("states", "verdict"),
    [([], GarbageVerdict.KEEP), ([S], GarbageVerdict.KEEP), ([S, S], GarbageVerdict.KEEP),
     ([D], GarbageVerdict.DELETE), ([W], GarbageVerdict.DELETE), ([D, W], GarbageVerdict.DELETE),
     ([S, D], GarbageVerdict.TRIM), ([S, W], GarbageVerdict.TRIM),
     ([D, S, W], GarbageVerdict.TRIM)],
)  # fmt: skip
def test_one_solid_owner_keeps_an_object(states: list[OwnerState], verdict: GarbageVerdict) -> None:
    references = [{"uid": str(n)} for n in range(len(states))]
    assert judge(references, states).verdict is verdict


# -- namespaces ----------------------------------------------------------------------------------


@pytest.fixture
def shop(world: World) -> World:
    """A namespace with a Deployment, a Service and a ConfigMap."""
    world.create("namespaces", {"metadata": {"name": "shop"}})
    world.run(0)
    world.create(KIND, deployment(), namespace="shop")
    world.create("configmaps", {"metadata": {"name": "config"}}, namespace="shop")
    world.run(5)
    return world


def remaining(world: World, type: str) -> tuple[str, str, str]:
    found = condition(world.get("namespaces", "shop"), type)
    assert found is not None
    return found["status"], found["reason"], found["message"]


def test_a_deleted_namespace_loses_its_pods_before_everything_else(shop: World) -> None:
    shop.delete("namespaces", "shop")
    shop.run(0.5)
    assert len(shop.all("pods", "shop")) == 3
    assert shop.find("configmaps", "config", "shop") is not None
    assert remaining(shop, "NamespaceContentRemaining") == (
        "True", "SomeResourcesRemain",
        "Some resources are remaining: pods. has 3 resource instances",
    )  # fmt: skip


def test_a_namespace_goes_when_its_content_is_gone(shop: World) -> None:
    shop.delete("namespaces", "shop")
    shop.run(5)
    assert shop.find("namespaces", "shop") is None
    assert shop.all(KIND, "shop") == shop.all("configmaps", "shop") == []


def test_a_pod_with_a_long_grace_is_given_it() -> None:
    world = World(stop=25)
    world.create("namespaces", {"metadata": {"name": "shop"}})
    world.run(0)
    world.create("pods", pod("slow"), namespace="shop")
    world.run(2)
    world.delete("namespaces", "shop")
    world.run(24)
    assert world.find("namespaces", "shop") is not None
    world.run(10)
    assert world.find("namespaces", "shop") is None


def test_a_finalizer_holds_the_namespace_and_is_named(shop: World) -> None:
    held: dict[str, Any] = {"metadata": {"name": "held", "finalizers": ["example.com/hold"]}}
    shop.create("configmaps", held, namespace="shop")
    shop.delete("namespaces", "shop")
    shop.run(30)
    assert remaining(shop, "NamespaceFinalizersRemaining") == (
        "True", "SomeFinalizersRemain",
        "Some content in the namespace has finalizers remaining:"
        " example.com/hold in 1 resource instances",
    )  # fmt: skip
    assert remaining(shop, "NamespaceContentRemaining")[2] == (
        "Some resources are remaining: configmaps. has 1 resource instances"
    )
    shop.patch("configmaps", "held", {"metadata": {"finalizers": None}}, "shop")
    shop.run(9)
    assert shop.find("namespaces", "shop") is None


def test_nothing_can_be_made_in_a_terminating_namespace(shop: World) -> None:
    shop.delete("namespaces", "shop")
    with pytest.raises(ApiError) as refusal:
        shop.create("configmaps", {"metadata": {"name": "late"}}, namespace="shop")
    assert refusal.value.code == 403
    assert refusal.value.details["causes"][0]["reason"] == "NamespaceTerminating"


def test_every_namespace_has_a_service_account_and_the_root_certificate(world: World) -> None:
    world.create("namespaces", {"metadata": {"name": "shop"}})
    world.run(0)
    for namespace in ("default", "kube-system", "shop"):
        assert world.find("serviceaccounts", "default", namespace) is not None
        assert world.get("configmaps", "kube-root-ca.crt", namespace)["data"] == {
            "ca.crt": "CERTIFICATE"
        }


@pytest.mark.parametrize(
    ("plural", "name"), [("serviceaccounts", "default"), ("configmaps", "kube-root-ca.crt")]
)
def test_what_every_namespace_has_comes_back(world: World, plural: str, name: str) -> None:
    world.delete(plural, name)
    world.run(0)
    assert world.find(plural, name) is not None


def test_a_replicaset_does_not_replace_pods_of_a_terminating_namespace(shop: World) -> None:
    shop.create(SETS, replicaset("bare", 2), namespace="shop")
    shop.run(2)
    shop.delete("namespaces", "shop")
    shop.run(0.5)
    assert len(shop.all("pods", "shop")) == 5
    assert shop.events("FailedCreate") == []
