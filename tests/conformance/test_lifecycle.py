"""Garbage collection and namespaces.

Sources: pkg/controller/garbagecollector, pkg/controller/namespace.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.conformance.objects import condition, workload
from tests.conformance.wire import Cluster, Obj

HOLD = "conformance.example.com/hold"


def a_map(name: str, *owners: Obj, block: bool = False, hold: bool = False) -> Obj:
    references = [
        {
            "apiVersion": "v1", "kind": "ConfigMap", "name": o["metadata"]["name"],
            "uid": o["metadata"]["uid"], "blockOwnerDeletion": block,
        }
        for o in owners
    ]  # fmt: skip
    finalizers = {"finalizers": [HOLD]} if hold else {}
    return {"metadata": {"name": name, "ownerReferences": references, **finalizers}}


def release(cluster: Cluster, name: str) -> None:
    cluster.patch("configmaps", name, {"metadata": {"finalizers": None}})


def test_background_removes_the_owner_at_once_and_dependents_after(cluster: Cluster) -> None:
    owner = cluster.create("configmaps", {"metadata": {"name": "owner"}})
    cluster.create("configmaps", a_map("child", owner))
    cluster.delete("configmaps", "owner", propagationPolicy="Background")
    assert cluster.find("configmaps", "owner") is None
    cluster.until_gone("configmaps", "child")


def test_foreground_keeps_the_owner_while_a_blocking_dependent_is_there(cluster: Cluster) -> None:
    owner = cluster.create("configmaps", {"metadata": {"name": "owner"}})
    cluster.create("configmaps", a_map("child", owner, block=True, hold=True))
    answer = cluster.delete("configmaps", "owner", propagationPolicy="Foreground")
    assert "foregroundDeletion" in answer["metadata"]["finalizers"]
    cluster.until_one("configmaps", "child", lambda c: "deletionTimestamp" in c["metadata"])
    assert cluster.find("configmaps", "owner") is not None
    release(cluster, "child")
    cluster.until_gone("configmaps", "owner")


def test_foreground_deletion_does_not_wait_for_children_that_do_not_block(cluster: Cluster) -> None:
    owner = cluster.create("configmaps", {"metadata": {"name": "owner"}})
    cluster.create("configmaps", a_map("child", owner, hold=True))
    cluster.delete("configmaps", "owner", propagationPolicy="Foreground")
    cluster.until_gone("configmaps", "owner")
    release(cluster, "child")


def test_orphaning_takes_the_reference_off(cluster: Cluster) -> None:
    owner = cluster.create("configmaps", {"metadata": {"name": "owner"}})
    cluster.create("configmaps", a_map("child", owner))
    cluster.delete("configmaps", "owner", propagationPolicy="Orphan")
    cluster.until_gone("configmaps", "owner")
    assert "ownerReferences" not in cluster.get("configmaps", "child")["metadata"]


def test_a_dependent_stays_while_one_owner_is_left(cluster: Cluster) -> None:
    owners = [cluster.create("configmaps", {"metadata": {"name": n}}) for n in ("one", "two")]
    cluster.create("configmaps", a_map("child", *owners))
    cluster.delete("configmaps", "one")
    found = cluster.until_one(
        "configmaps", "child", lambda c: len(c["metadata"]["ownerReferences"]) == 1
    )
    assert found["metadata"]["ownerReferences"][0]["name"] == "two"
    cluster.delete("configmaps", "two")
    cluster.until_gone("configmaps", "child")


def test_an_owner_with_another_uid_is_no_owner(cluster: Cluster) -> None:
    owner = cluster.create("configmaps", {"metadata": {"name": "owner"}})
    body = a_map("child", owner)
    body["metadata"]["ownerReferences"][0]["uid"] = str(uuid.uuid4())
    cluster.create("configmaps", body)
    cluster.until_gone("configmaps", "child")


def test_deleting_a_deployment_removes_its_sets(cluster: Cluster) -> None:
    cluster.create("deployments", workload("web", 0))
    cluster.until("replicasets", lambda found: len(found) == 1)
    cluster.delete("deployments", "web", propagationPolicy="Background")
    cluster.until("replicasets", lambda found: not found)


def test_an_object_with_a_finalizer_stays_marked(cluster: Cluster) -> None:
    cluster.create("configmaps", {"metadata": {"name": "held", "finalizers": [HOLD]}})
    answer = cluster.delete("configmaps", "held")
    assert answer["metadata"]["deletionTimestamp"]
    assert cluster.find("configmaps", "held") is not None
    release(cluster, "held")
    cluster.until_gone("configmaps", "held")


# -- namespaces ----------------------------------------------------------------------------------


@pytest.fixture
def doomed(connection: Cluster) -> Iterator[Cluster]:
    """A namespace that the test deletes itself."""
    name = f"conformance-{uuid.uuid4().hex[:10]}"
    connection.create("namespaces", {"metadata": {"name": name}})
    here = connection.within(name)
    here.until("serviceaccounts", lambda found: "default" in found)
    yield here
    if connection.find("namespaces", name) is not None:
        connection.request("DELETE", connection.path("namespaces", name))


def test_a_namespace_goes_with_its_content(doomed: Cluster) -> None:
    doomed.create("configmaps", {"metadata": {"name": "one"}})
    doomed.delete("namespaces", doomed.namespace)
    doomed.until_gone("namespaces", doomed.namespace)


def test_a_finalizer_holds_a_namespace_and_is_named(doomed: Cluster) -> None:
    doomed.create("configmaps", {"metadata": {"name": "held", "finalizers": [HOLD]}})
    doomed.delete("namespaces", doomed.namespace)
    found = doomed.until_one(
        "namespaces", doomed.namespace,
        lambda n: (condition(n, "NamespaceFinalizersRemaining") or {}).get("status") == "True",
    )  # fmt: skip
    text = (condition(found, "NamespaceFinalizersRemaining") or {})["message"]
    assert f"{HOLD} in 1 resource instances" in text
    content = (condition(found, "NamespaceContentRemaining") or {})["message"]
    assert "configmaps. has 1 resource instances" in content
    release(doomed, "held")
    doomed.until_gone("namespaces", doomed.namespace)


def test_nothing_can_be_made_in_a_terminating_namespace(doomed: Cluster) -> None:
    doomed.create("configmaps", {"metadata": {"name": "held", "finalizers": [HOLD]}})
    doomed.delete("namespaces", doomed.namespace)
    body = doomed.whole("configmaps", {"metadata": {"name": "late"}})
    answer = doomed.request("POST", doomed.path("configmaps"), body)
    release(doomed, "held")
    assert (answer.status, answer.causes[0]["reason"]) == (403, "NamespaceTerminating")


def test_a_terminating_namespace_says_so(doomed: Cluster) -> None:
    doomed.create("configmaps", {"metadata": {"name": "held", "finalizers": [HOLD]}})
    doomed.delete("namespaces", doomed.namespace)
    found = doomed.get("namespaces", doomed.namespace)
    release(doomed, "held")
    assert found["status"]["phase"] == "Terminating"


@pytest.mark.parametrize("name", ["default", "kube-system", "kube-public"])
def test_the_first_namespaces_cannot_be_deleted(connection: Cluster, name: str) -> None:
    answer = connection.request("DELETE", connection.path("namespaces", name))
    assert answer.status == 403


def test_every_namespace_has_a_default_service_account_that_comes_back(cluster: Cluster) -> None:
    uid = cluster.get("serviceaccounts", "default")["metadata"]["uid"]
    cluster.delete("serviceaccounts", "default")
    cluster.until(
        "serviceaccounts",
        lambda found: "default" in found and found["default"]["metadata"]["uid"] != uid,
    )


def test_every_namespace_has_the_root_certificate(cluster: Cluster) -> None:
    found = cluster.until("configmaps", lambda found: "kube-root-ca.crt" in found)
    assert "BEGIN CERTIFICATE" in found["kube-root-ca.crt"]["data"]["ca.crt"]
